// What this adds to pages that work without it: the error summary gets the
// focus, a file over the limit is refused before it is sent, drafts are saved by
// themselves, and a form is not sent twice by a double click.
"use strict";

const summary = document.querySelector("[data-focus]");
if (summary) summary.focus();

for (const input of document.querySelectorAll("input[type=file][data-limit]")) {
  input.addEventListener("change", () => {
    const over = input.files.length > 0 && input.files[0].size > Number(input.dataset.limit);
    input.setCustomValidity(over ? input.dataset.tooLarge : "");
    if (over) input.reportValidity();
  });
}

for (const form of document.querySelectorAll("form[method=post]")) {
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "1";
  });
}
addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
});

for (const form of document.querySelectorAll("form[data-draft]")) {
  const state = form.querySelector("[data-draft-state]");
  const say = (what) => { if (state) state.textContent = form.dataset[what]; };
  let timer = 0;
  let busy = false;
  let waiting = null; // the button that was pressed while a draft was on its way
  const save = async () => {
    busy = true;
    say("saving");
    try {
      const answer = await fetch(form.action, {
        method: "POST",
        headers: { "X-Draft": "1" },
        body: new URLSearchParams(new FormData(form)),
        redirect: "error",
      });
      if (answer.status !== 204) throw new Error(String(answer.status));
      form.elements.version.value = answer.headers.get("X-Version");
      say("saved");
    } catch {
      say("failed");
    }
    busy = false;
    if (waiting) form.requestSubmit(waiting);
  };
  const later = () => {
    clearTimeout(timer);
    timer = setTimeout(() => { if (busy) later(); else save(); }, 3000);
  };
  form.addEventListener("input", later);
  // The version on the form must be the newest before the form is sent.
  form.addEventListener("submit", (event) => {
    clearTimeout(timer);
    if (!busy) return;
    event.preventDefault();
    delete form.dataset.sent;
    waiting = event.submitter;
  });
}
