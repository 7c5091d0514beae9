package criteria

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"hoshi/internal/fault"
	"hoshi/internal/i18n"
)

// manifest is edition.yaml: the frame of an edition and which files belong to it.
type manifest struct {
	Frame            `yaml:",inline"`
	RequirementsFile string   `yaml:"requirements_file"` // master list, relative to the edition's folder
	ListFiles        []string `yaml:"list_files,omitempty"`
	PolicyFiles      []string `yaml:"policy_files,omitempty"`
	CriteriaIDs      []string `yaml:"criteria"` // each in a file of its name
}

// master is the file of the master requirement list.
type master struct {
	Format       string        `yaml:"format"`
	Notice       i18n.Text     `yaml:"notice"`
	Requirements []Requirement `yaml:"requirements"`
}

const masterFormat = "hoshi-requirements/1"

// Load reads and checks the edition in a folder: edition.yaml, one file for each
// criterion, the lists, and the master requirement list that edition.yaml names.
// A faulty edition is refused with a [fault.Error] that names every fault found.
func Load(fsys fs.FS, dir string) (*Edition, error) {
	d := newDecoder()
	var m manifest
	name := path.Join(dir, "edition.yaml")
	b, ok := d.read(fsys, name, "edition.yaml")
	if !ok || !d.file(name, b, "", &m) {
		return nil, d.err("criteria.Load")
	}
	e := &Edition{Frame: m.Frame, Lists: []List{}}

	var all master
	name = path.Join(dir, m.RequirementsFile)
	if b, ok := d.read(fsys, name, "requirements_file"); ok {
		d.file(name, b, "master", &all)
		if all.Format != "" && all.Format != masterFormat {
			d.refuse("master.format", "format", "want", masterFormat)
		}
		d.requirements("master.requirements", e, all.Requirements)
	}
	for i, f := range m.ListFiles {
		var l List
		name := path.Join(dir, f)
		if b, ok := d.read(fsys, name, "list_files["+itoa(i)+"]"); ok {
			d.file(name, b, "lists["+itoa(i)+"]", &l)
		}
		e.Lists = append(e.Lists, l)
	}
	for i, f := range m.PolicyFiles {
		var p Policy
		name := path.Join(dir, f)
		if b, ok := d.read(fsys, name, "policy_files["+itoa(i)+"]"); ok {
			d.file(name, b, "policies["+itoa(i)+"]", &p)
		}
		e.Policies = append(e.Policies, p)
	}
	files := []string{"edition.yaml"}
	for _, f := range slices.Concat(m.ListFiles, m.PolicyFiles) {
		files = append(files, path.Base(f))
	}
	for i, id := range m.CriteriaIDs {
		at := "criteria[" + itoa(i) + "]"
		if strings.ContainsAny(id, "/\\") {
			d.refuse(at, "file-missing", "file", id)
			continue
		}
		if slices.Contains(m.CriteriaIDs[:i], id) {
			d.refuse(at, "duplicate", "id", id)
			continue
		}
		var c Criterion
		name := path.Join(dir, id+".yaml")
		files = append(files, id+".yaml")
		b, ok := d.read(fsys, name, at)
		if !ok {
			continue
		}
		listed := d.at[at]
		d.file(name, b, at, &c)
		if c.ID != "" && c.ID != id {
			d.refuse(at+".id", "file-id", "id", c.ID, "file", id)
		}
		if c.ID == "" {
			d.at[at] = listed
		}
		e.Criteria = append(e.Criteria, c)
	}
	if entries, err := fs.ReadDir(fsys, dir); err == nil {
		for _, f := range entries {
			if strings.HasSuffix(f.Name(), ".yaml") && !slices.Contains(files, f.Name()) {
				d.add(spot{file: path.Join(dir, f.Name()), line: 1, col: 1}, "file-extra", "file", f.Name())
			}
		}
	}
	for _, r := range all.Requirements {
		used := slices.ContainsFunc(e.Criteria, func(c Criterion) bool {
			return slices.ContainsFunc(c.Requirements, func(x Choice) bool { return x.Is == r.ID })
		})
		if used {
			e.Requirements = append(e.Requirements, r)
		}
	}
	d.check(e)
	if err := d.err("criteria.Load"); err != nil {
		return nil, err
	}
	e.digest = e.Digest()
	return e, nil
}

// read reads one file of the edition; the fault stands at the data path at, where
// the file is named.
func (d *decoder) read(fsys fs.FS, name, at string) ([]byte, bool) {
	s, ok := d.at[at]
	if !ok {
		s = spot{file: name}
	}
	if !fs.ValidPath(name) {
		d.add(s, "file-missing", "file", path.Base(name))
		return nil, false
	}
	f, err := fsys.Open(name)
	if err == nil {
		defer f.Close()
		var b []byte
		if b, err = io.ReadAll(io.LimitReader(f, MaxFile+1)); err == nil {
			return b, true
		}
	}
	if errors.Is(err, fs.ErrNotExist) {
		d.add(s, "file-missing", "file", path.Base(name))
	} else {
		d.add(s, "file-unreadable", "file", path.Base(name))
	}
	return nil, false
}

// Parse reads the single-file form that [Edition.Source] gives. name stands in
// the places of faults.
func Parse(name string, src []byte) (*Edition, error) {
	d := newDecoder()
	e := &Edition{}
	if !d.file(name, src, "", e) {
		return nil, d.err("criteria.Parse")
	}
	d.requirements("requirements", e, e.Requirements)
	for i, c := range e.Criteria {
		if slices.ContainsFunc(e.Criteria[:i], func(o Criterion) bool { return o.ID == c.ID }) {
			d.refuse("criteria["+itoa(i)+"].id", "duplicate", "id", c.ID)
		}
	}
	d.check(e)
	if err := d.err("criteria.Parse"); err != nil {
		return nil, err
	}
	e.digest = e.Digest()
	return e, nil
}

// Source is the edition in one file: JSON with a fixed order of keys, which is
// YAML too. Equal editions give equal bytes; [Parse] reads them back.
func (e *Edition) Source() []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	if err := enc.Encode(e); err != nil {
		panic("criteria: " + err.Error()) // the types hold only texts, numbers and lists
	}
	return b.Bytes()
}

// Digest is "sha256:" and the hex SHA-256 of [Edition.Source].
func (e *Edition) Digest() string {
	if e.digest != "" {
		return e.digest
	}
	sum := sha256.Sum256(e.Source())
	return "sha256:" + hex.EncodeToString(sum[:])
}

// notFound is the refusal of an unknown edition id.
func notFound(id string, known []string) error {
	return fault.New(fault.NotFound, "criteria.Builtin", "criteria.no-edition", "id", id, "known", strings.Join(known, ", "))
}
