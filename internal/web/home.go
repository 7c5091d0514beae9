package web

type homePage struct {
	*frame
	Levels []homeLevel
	People []demoButton
}

type homeLevel struct {
	Name, Meaning string
	Ready         bool // an edition is in force
}

type demoButton struct{ Login, Name, What string }

func home(c *call) error {
	p := homePage{frame: c.frame("web.home.title")}
	for _, l := range c.Settings.Levels {
		p.Levels = append(p.Levels, homeLevel{l.Name.In(c.lang), l.Meaning.In(c.lang), len(l.Editions) > 0})
	}
	p.People = c.demoPeople()
	return c.render("home", p)
}

func (c *call) demoPeople() []demoButton {
	if !c.Auth.Demo() {
		return nil
	}
	var out []demoButton
	for _, d := range c.site.Options.Demo {
		out = append(out, demoButton{d.Login, d.Name.In(c.lang), d.What.In(c.lang)})
	}
	return out
}
