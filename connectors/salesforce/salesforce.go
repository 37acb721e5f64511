// Package salesforce carries contacts, tasks and weekly summaries to Salesforce.
//
//	one write ─► contact:  look up ─► PATCH lead | PATCH contact | make lead
//	             task:     who, what, owner ─────────► make Task ─► mend, where Salesforce names the fault
//	             rollup:   who, what, closed status ─► make Task
//	    make ─┬─ the org has a unique field for the marker: look for an earlier one ─► PATCH Lead|Task/{field}/{marker}
//	          └─ else: POST, with the marker in the description
//	several   ─► one composite call for all that has to be looked up ─► sObject Collections of up to 200, people before tasks
//	             └► what is refused and can be mended goes again as one write
//	in doubt  ─► Find: by the marker's field, by address, and in the descriptions of what hangs on the person and the deal
//	any call  ─► host check ─► Doer ─► Salesforce ─► classify: one table, errorCode before status
//
// A person is looked up by email, leads first and then contacts, in one composite call. Somebody who is
// already a contact gets no new lead. What Salesforce already holds is not sent again, and nothing blank
// or made up is ever written over a value.
//
// Secrets leave only for hosts that hosts.go allows, which is asked again at every use.
package salesforce

import (
	"errors"
	"fmt"
	"regexp"
	"time"

	"crm-connectors/connectors"
)

// Config is what a Connector needs. Only HTTP is required.
type Config struct {
	LoginURL string // for apps that name none; default https://login.salesforce.com
	Version  string // of the REST API; default v66.0
	HTTP     connectors.Doer
	Now      func() time.Time // default time.Now; the age of what is cached is measured by it

	// TrustedHosts may receive secrets besides Salesforce's own: simulators, other clouds. Each is a host
	// or host:port, and these alone may be spoken to without TLS.
	TrustedHosts []string

	FallbackLastName string // for new leads without one; default "Unknown"
	FallbackCompany  string // default "[not provided]"

	DailyShare float64 // of the org's calls in 24 hours, by whomever they are used, after which none is sent; 0: no matter
}

const (
	defaultLoginURL = "https://login.salesforce.com"
	defaultVersion  = "v66.0" // any org of Spring '26 or later knows it
	defaultLastName = "Unknown"
	defaultCompany  = "[not provided]"
	cacheFor        = time.Hour // picklists and users change rarely, and a stale one costs a note at worst
	rollupSubject   = "Weekly deal summary"
)

var versionShape = regexp.MustCompile(`^v[1-9][0-9]{1,2}\.0$`)

// Connector speaks to Salesforce. It is safe for concurrent use.
type Connector struct {
	cfg         Config
	hosts       hosts
	statuses    *cache[string]     // org id to the name of a closed task status
	owners      *cache[string]     // org id and email to a user id, "" for nobody
	definitions *cache[definition] // session and object
}

var _ connectors.Connector = (*Connector)(nil)

// New makes a Connector; the error names the setting that is wrong.
func New(cfg Config) (*Connector, error) {
	if cfg.HTTP == nil {
		return nil, errors.New("salesforce: HTTP is missing")
	}
	setDefault(&cfg.LoginURL, defaultLoginURL)
	setDefault(&cfg.Version, defaultVersion)
	setDefault(&cfg.FallbackLastName, defaultLastName)
	setDefault(&cfg.FallbackCompany, defaultCompany)
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if !versionShape.MatchString(cfg.Version) {
		return nil, fmt.Errorf("salesforce: Version %q: want the form %s", cfg.Version, defaultVersion)
	}
	h, err := newHosts(cfg.TrustedHosts)
	if err != nil {
		return nil, fmt.Errorf("salesforce: %w", err)
	}
	if cfg.LoginURL, err = h.login(cfg.LoginURL); err != nil {
		return nil, fmt.Errorf("salesforce: LoginURL: %w", err)
	}
	cfg.HTTP = connectors.NewBudget(cfg.HTTP, budgetRules(cfg.DailyShare), cfg.Now)
	return &Connector{cfg: cfg, hosts: h, statuses: newCache[string](cfg.Now), owners: newCache[string](cfg.Now),
		definitions: newCache[definition](cfg.Now)}, nil
}

// CRM is connectors.Salesforce.
func (c *Connector) CRM() connectors.CRM { return connectors.Salesforce }

// CheckLoginURL says whether people may be sent to sign in at raw, and our client secret with them. It
// answers with scheme and host alone. The error tells how to mend raw, and does not repeat it.
func (c *Connector) CheckLoginURL(raw string) (canonical string, err error) {
	return c.hosts.login(raw)
}

// loginURL is where app signs in and gets its tokens, checked anew.
func (c *Connector) loginURL(app connectors.App) (string, error) {
	if app.LoginURL == "" {
		return c.cfg.LoginURL, nil
	}
	return c.hosts.login(app.LoginURL)
}

func setDefault(s *string, value string) {
	if *s == "" {
		*s = value
	}
}
