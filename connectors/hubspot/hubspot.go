// Package hubspot carries outcomes to HubSpot.
//
//	contact ─► search by email ─┬─ found ──────────► PATCH by id, only what is known
//	                            ├─ odd, or limited ► read by email, then as found or absent
//	                            └─ absent ─► POST ─┬─ 201 ─► created
//	                                               └─ 409 ─► PATCH the one that exists, last of all upsert by email
//	task, rollup ─► contact (known, from this list, or read by email) ─► owner, association types
//	             ─► POST with its marker and associations ─┬─ a linked record is gone ─► POST without it
//	                                                       └─ the marker is taken ─► read that record, tie what it lacks
//	in doubt ─► Find: by the marker as a unique property, else in the texts of what the contact and deal have, else search
//	any answer ─► classify (rules.go) ─► connectors.Error with one Class
//
// HubSpot knows no idempotency key. A contact is protected by its email, which HubSpot keeps unique; a task or note by a property
// with unique values where the portal has it (marking.go), and else by never being sent a second time when it may have been
// executed. The connector keeps nothing but caches: association types, owners, time zones.
package hubspot

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"crm-connectors/connectors"
)

// Where HubSpot lives, for every region.
const (
	DefaultAPIURL       = "https://api.hubapi.com"
	DefaultAuthorizeURL = "https://app.hubspot.com"
)

// The API versions that Config.Version takes. The v3 paths are unsupported from September 2027;
// 2026-09 also enforces each portal's own rules for required properties.
const (
	V3     = "v3"
	V2603  = "2026-03"
	V2609  = "2026-09"
	oauthV = V2603 // where the version is v3: the oldest OAuth version that new listings may use
)

// Config says how to reach HubSpot. Only HTTP is required.
type Config struct {
	APIURL         string           // default DefaultAPIURL; tokens and secrets go here
	AuthorizeURL   string           // default DefaultAuthorizeURL; App.LoginURL goes before it
	Version        string           // default V3
	HTTP           connectors.Doer  // a *connectors.Client; it follows no redirect and repeats no create
	Now            func() time.Time // default time.Now
	LabelTTL       time.Duration    // how long association types are believed; default 1 hour
	Scopes         []string         // must equal the app's required scopes; default DefaultScopes
	OptionalScopes []string         // must be among the app's optional ones; default DefaultOptionalScopes
	DailyShare     float64          // of the account's daily calls, where HubSpot states them, after which none is sent; 0: no matter
}

// DefaultScopes are what the calls of this package need: contacts for contacts, tasks and notes;
// deals to tell a deal that is gone from other refusals.
func DefaultScopes() []string {
	return []string{"oauth", "crm.objects.contacts.read", "crm.objects.contacts.write", "crm.objects.deals.read"}
}

// DefaultOptionalScopes are what the service can do without: to give a task to its owner, and to add the property by which HubSpot itself
// refuses a second copy of a task or note.
func DefaultOptionalScopes() []string {
	return []string{"crm.objects.owners.read", "crm.schemas.contacts.write"}
}

const (
	defaultLabelTTL = time.Hour
	ownerTTL        = 5 * time.Minute // short: a rep who has left must soon be noticed
)

// Connector is HubSpot as a connectors.Connector.
type Connector struct {
	paths     paths
	http      connectors.Doer // a Budget over Config.HTTP
	budget    *connectors.Budget
	now       func() time.Time
	authorize string
	scopes    []string
	optional  []string
	labels    *cache[labelKey, chosenType]
	owners    *cache[ownerKey, string]
	zones     *cache[string, *time.Location] // by account
	resting   *cache[string, struct{}]       // accounts whose searches rest
}

var _ connectors.Connector = (*Connector)(nil)

// New checks cfg and makes a Connector. The error names every setting that is wrong.
func New(cfg Config) (*Connector, error) {
	var wrong []error
	base := func(name, value, usual string) string {
		if value == "" {
			return usual
		}
		u, err := url.Parse(value)
		if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" || u.User != nil ||
			strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
			wrong = append(wrong, fmt.Errorf("hubspot: %s must be scheme and host alone, such as %s", name, usual))
		}
		return strings.TrimRight(value, "/")
	}
	c := &Connector{http: cfg.HTTP, now: cfg.Now, scopes: cfg.Scopes, optional: cfg.OptionalScopes}
	c.authorize = base("AuthorizeURL", cfg.AuthorizeURL, DefaultAuthorizeURL)
	c.paths = paths{base: base("APIURL", cfg.APIURL, DefaultAPIURL), version: cfg.Version}
	if c.paths.version == "" {
		c.paths.version = V3
	}
	if known := []string{V3, V2603, V2609}; !slices.Contains(known, c.paths.version) {
		wrong = append(wrong, fmt.Errorf("hubspot: Version %q is not one of %s", cfg.Version, strings.Join(known, ", ")))
	}
	if c.http == nil {
		wrong = append(wrong, errors.New("hubspot: HTTP is missing"))
	}
	if cfg.LabelTTL < 0 {
		wrong = append(wrong, errors.New("hubspot: LabelTTL is negative"))
	}
	if len(wrong) > 0 {
		return nil, errors.Join(wrong...)
	}
	if c.now == nil {
		c.now = time.Now
	}
	if c.scopes == nil {
		c.scopes = DefaultScopes()
	}
	if c.optional == nil {
		c.optional = DefaultOptionalScopes()
	}
	c.budget = connectors.NewBudget(c.http, budgetRules(cfg.DailyShare), c.now)
	c.http = c.budget
	ttl := cfg.LabelTTL
	if ttl == 0 {
		ttl = defaultLabelTTL
	}
	c.labels = newCache[labelKey, chosenType](ttl, c.now)
	c.zones = newCache[string, *time.Location](zoneTTL, c.now)
	c.resting = newCache[string, struct{}](secondWait, c.now)
	c.owners = newCache[ownerKey, string](ownerTTL, c.now)
	return c, nil
}

// CRM is connectors.HubSpot.
func (c *Connector) CRM() connectors.CRM { return connectors.HubSpot }
