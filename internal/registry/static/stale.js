// Shows "this copy is old" once the page's own expiry has passed. Nothing else on
// the page needs a script.
"use strict";
(function () {
  var note = document.getElementById("stale");
  if (!note) return;
  var end = Date.parse(note.dataset.expires);
  function look() {
    if (Date.now() >= end) { note.hidden = false; return; }
    setTimeout(look, Math.min(end - Date.now(), 2147483647));
  }
  look();
})();
