package web

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"

	"github.com/dustin/go-humanize"

	"hoshi/internal/casework"
	"hoshi/internal/fault"
)

type bundleView struct {
	*frame
	casework.EvaluationView
	Limit      string
	LimitBytes int64
	Steps      []step
	Editable   bool
}

func bundlePage(c *call) error {
	e, err := c.Casework.Evaluation(c.r.Context(), c.actor(), c.id())
	if err != nil {
		return err
	}
	v := bundleView{frame: c.frame("web.bundle.title"), EvaluationView: e, Steps: c.evaluationSteps(e, "bundle"),
		LimitBytes: c.Settings.MaxBundleBytes, Limit: humanize.IBytes(uint64(c.Settings.MaxBundleBytes))}
	v.Editable = !e.Locked && v.Can("evidence.attach")
	c.form(v.frame, url.Values{})
	c.evaluationFrame(v.frame, e, "bundle")
	return c.render("bundle", v)
}

func attachBundle(c *call) error {
	file, head, err := c.r.FormFile("evaluation.bundle")
	if errors.Is(err, http.ErrMissingFile) || err == nil && head.Size == 0 {
		return &fault.Error{Kind: fault.Invalid, Op: "web.attachBundle", Key: "fault.invalid",
			Places: []fault.Place{{Field: "evaluation.bundle", Key: "web.bundle.missing"}}}
	}
	if err != nil {
		return fault.Wrap(fault.Invalid, "web.attachBundle", err, "web.form-unreadable")
	}
	defer file.Close()
	_, _, err = c.Casework.AttachBundle(c.r.Context(), c.actor(), c.id(), head.Filename, head.Size, file, c.ticked("keep"))
	if err != nil {
		return atBundle(err)
	}
	return c.done("/portal/evaluations/"+c.id(), "bundle")
}

// atBundle says of a file that is refused that the fault lies in its field.
func atBundle(err error) error {
	var f *fault.Error
	if !errors.As(err, &f) || f.Kind != fault.Invalid || len(f.Places) > 0 {
		return err
	}
	key := f.Key
	if key == "evidence.stranger" {
		key = "casework.bundle.key" // on this site a key can be enrolled
	}
	return &fault.Error{Kind: fault.Invalid, Op: "web.attachBundle", Key: "fault.invalid", Err: f,
		Places: []fault.Place{{Field: "evaluation.bundle", Key: key, Args: f.Args}}}
}

func detachBundle(c *call) error {
	if _, err := c.Casework.DetachBundle(c.r.Context(), c.actor(), c.id(), c.value("digest")); err != nil {
		return err
	}
	return c.done("/portal/evaluations/"+c.id()+"/bundle", "bundle-detached")
}

func openEvidence(c *call) error {
	digest := c.r.URL.Query().Get("digest")
	e, err := c.Casework.Evaluation(c.r.Context(), c.actor(), c.id())
	if err != nil {
		return err
	}
	r, err := c.Casework.OpenEvidence(c.r.Context(), c.actor(), c.id(), digest)
	if err != nil {
		return err
	}
	defer r.Close()
	name := "run.hoshi"
	for _, b := range e.Evaluation.Bundles {
		if b.Digest == digest {
			name = b.Name
		}
	}
	c.w.Header().Set("Content-Type", "application/octet-stream")
	c.w.Header().Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": name}))
	_, _ = io.Copy(c.w, r) // the reader has gone
	return nil
}
