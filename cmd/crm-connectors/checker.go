package main

import (
	"encoding/json"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"crm-connectors/connectors"
)

const (
	transactionPoolerPort = 6543
	callbackPath          = "/functions/v1/%s-oauth-callback"
)

var (
	salesforceVersion = regexp.MustCompile(`^v[0-9]{2,3}\.0$`)
	hostPort          = regexp.MustCompile(`^([a-z0-9.-]+|\[[0-9a-f:]+\])(:[0-9]{1,5})?$`)
)

// checker turns variables into a Config and gathers what is wrong on the way.
type checker struct {
	problems []Problem
	examples map[string]string
}

func (c *checker) add(name, wrong string) {
	if slices.ContainsFunc(c.problems, func(p Problem) bool { return p.Name == name }) {
		return // the first thing that is wrong with a variable is enough
	}
	c.problems = append(c.problems, Problem{Name: name, Wrong: wrong, Example: c.examples[name]})
}

// verdict is a *ConfigError with all that is wrong, or nil.
func (c *checker) verdict() error {
	if len(c.problems) == 0 {
		return nil
	}
	slices.SortStableFunc(c.problems, c.byPlace)
	return &ConfigError{Problems: c.problems}
}

// byPlace sorts problems as 'help config' lists their variables.
func (c *checker) byPlace(a, b Problem) int {
	place := func(p Problem) int {
		return slices.IndexFunc(allVariables(), func(v variable) bool { return v.name == p.Name })
	}
	return place(a) - place(b)
}

func (c *checker) config(v variables) Config {
	cfg := Config{
		DBMaxConns:   int32(c.between("DB_MAX_CONNS", v.DBMaxConns, 2, 1000)), //nolint:gosec // at most 1000
		Keyset:       c.keyset(v),
		ServiceKeys:  c.serviceKeys(v),
		Tokens:       c.tokens(v),
		Hooks:        c.hooks(v),
		AppBaseURL:   c.webURL("APP_BASE_URL", v.AppBaseURL),
		ListenAddr:   c.listen(v),
		TrustedHosts: c.trustedHosts("CRM_TRUSTED_HOSTS", v.TrustedHosts), NotifyHosts: c.trustedHosts("NOTIFICATION_TRUSTED_HOSTS", v.NotifyHosts),
		DailyShare:   float64(c.between("CRM_DAILY_SHARE", v.DailyShare, 1, 100)) / 100,
		Proxy:        c.proxy(v.Proxy),
		DrainWorkers: c.between("DRAIN_WORKERS", v.DrainWorkers, 1, 10_000),
		Waits:        c.waits(v),
		Limits:       c.limits(v),
		LogLevel:     c.oneOf("LOG_LEVEL", v.LogLevel, "debug", "info", "warn", "error"),
		LogFormat:    c.oneOf("LOG_FORMAT", v.LogFormat, "json", "console"),
	}
	cfg.DatabaseURL, cfg.PollOnly = c.database(v)
	cfg.RedirectOrigins = c.origins("REDIRECT_ORIGINS", v.RedirectOrigins)
	cfg.CORSOrigins = []string{"*"}
	if !slices.Equal(v.CORSOrigins, cfg.CORSOrigins) {
		cfg.CORSOrigins = c.origins("CORS_ORIGINS", v.CORSOrigins)
	}
	if v.AppBaseURL == "" {
		c.add("APP_BASE_URL", "is not set")
	}
	if cfg.ShutdownGrace = v.ShutdownGrace; v.ShutdownGrace < time.Second || v.ShutdownGrace > 10*time.Minute {
		c.add("SHUTDOWN_GRACE", "is not between 1s and 10m")
	}
	if cfg.ShutdownDelay = v.ShutdownDelay; v.ShutdownDelay < 0 || v.ShutdownDelay > 10*time.Minute {
		c.add("SHUTDOWN_DELAY", "is not between 0s and 10m")
	}
	if cfg.MetricsAddr = v.MetricsAddr; v.MetricsAddr != "" && !hasPort(v.MetricsAddr) {
		c.add("METRICS_ADDR", "is not an address with a port")
	}
	cfg.Tracing = c.tracing(v)
	for _, u := range []struct{ name, value string }{
		{"PUBLIC_URL", v.PublicURL}, {"SUPABASE_PUBLIC_URL", v.SupabasePublicURL}, {"SUPABASE_URL", v.SupabaseURL},
	} {
		if cfg.PublicURL == "" && u.value != "" {
			cfg.PublicURL = c.anyURL(u.name, u.value)
		}
	}
	if cfg.Retention = v.Retention; v.Retention != 0 && v.Retention < leastRetention {
		c.add("WRITE_RETENTION", "is neither 0s nor at least 720h")
	}
	if cfg.ContentKept = v.ContentKept; v.ContentKept != 0 && v.ContentKept < leastContentKept {
		c.add("CONTENT_RETENTION", "is neither 0s nor at least 168h")
	}
	cfg.Console = c.console(v, cfg.PublicURL)
	cfg.HubSpot, cfg.Salesforce = c.hubspot(v, cfg), c.salesforce(v, cfg)
	if cfg.HubSpot == nil && cfg.Salesforce == nil && v.HubSpotClientID+v.HubSpotClientSecret+v.SalesforceClientID+v.SalesforceClientSecret == "" {
		c.add("HUBSPOT_CLIENT_ID", "is not set, and neither is SALESFORCE_CLIENT_ID: at least one CRM is needed, or PUBLIC_URL, for workspaces with apps of their own")
	}
	return cfg
}

// leastContentKept is longer than a write is tried, looked for and compared.
const leastContentKept = 7 * 24 * time.Hour

// leastRetention is longer than any caller goes on to repeat an outcome.
const leastRetention = 30 * 24 * time.Hour

// waits must be longer than nothing, and a worker must have ended its sending well before others may take it for dead.
func (c *checker) waits(v variables) Waits {
	w := Waits{Lease: v.Lease, SendWindow: v.SendWindow, CallTimeout: v.CallTimeout, LateCommit: v.LateCommit, IndexLag: v.IndexLag,
		FirstLook: v.FirstLook, LookAgain: v.LookAgain, DeadGrantWait: v.DeadGrantWait, SweepEvery: v.SweepEvery, Slice: v.Slice}
	for name, d := range map[string]time.Duration{"DELIVERY_LEASE": w.Lease, "DELIVERY_SEND_WINDOW": w.SendWindow, "CRM_CALL_TIMEOUT": w.CallTimeout,
		"DELIVERY_LATE_COMMIT": w.LateCommit, "DELIVERY_INDEX_LAG": w.IndexLag, "DELIVERY_FIRST_LOOK": w.FirstLook, "DELIVERY_LOOK_AGAIN": w.LookAgain,
		"DELIVERY_DEAD_GRANT_WAIT": w.DeadGrantWait, "DELIVERY_SWEEP_EVERY": w.SweepEvery, "DELIVERY_SLICE": w.Slice} {
		if d < time.Millisecond || d > 24*time.Hour {
			c.add(name, "is not between 1ms and 24h")
		}
	}
	if w.SendWindow >= w.Lease {
		c.add("DELIVERY_SEND_WINDOW", "is not shorter than DELIVERY_LEASE")
	}
	return w
}

func (c *checker) between(name string, n, low, high int) int {
	if n < low || n > high {
		c.add(name, "is not between "+strconv.Itoa(low)+" and "+strconv.Itoa(high))
		return low
	}
	return n
}

func (c *checker) oneOf(name, value string, allowed ...string) string {
	value = strings.ToLower(value)
	if !slices.Contains(allowed, value) {
		c.add(name, "is none of "+strings.Join(allowed, ", "))
	}
	return value
}

func (c *checker) database(v variables) (connectors.Secret, bool) {
	name, value := "DATABASE_URL", v.DatabaseURL
	if value == "" && v.SupabaseDBURL != "" {
		name, value = "SUPABASE_DB_URL", v.SupabaseDBURL
	}
	if value == "" {
		c.add(name, "is not set")
		return connectors.Secret{}, false
	}
	parsed, err := pgconn.ParseConfig(value)
	if err != nil || !strings.Contains(value, "://") {
		c.add(name, "is not the URL of a Postgres")
		return connectors.Secret{}, false
	}
	pollOnly := parsed.Port == transactionPoolerPort
	if v.PollOnly != "auto" {
		if pollOnly, err = strconv.ParseBool(v.PollOnly); err != nil {
			c.add("RIVER_POLL_ONLY", "is none of auto, true, false")
		}
	}
	return connectors.NewSecret(value), pollOnly
}

// serviceKeys reads the plural form if it is there, else the single key; the legacy key comes on top.
func (c *checker) serviceKeys(v variables) map[string]connectors.Secret {
	keys := map[string]connectors.Secret{}
	if v.SecretKeys != "" {
		var named map[string]string
		if err := json.Unmarshal([]byte(v.SecretKeys), &named); err != nil || len(named) == 0 {
			c.add("SUPABASE_SECRET_KEYS", "is not a JSON object of names and keys")
		}
		for name, key := range named {
			if name == "" || strings.TrimSpace(key) == "" {
				c.add("SUPABASE_SECRET_KEYS", "has an empty name or key")
			}
			keys[name] = connectors.NewSecret(key)
		}
	} else if v.SecretKey != "" {
		keys["default"] = connectors.NewSecret(v.SecretKey)
	}
	if v.ServiceRoleKey != "" {
		keys["service_role"] = connectors.NewSecret(v.ServiceRoleKey)
	}
	if len(keys) == 0 {
		c.add("SUPABASE_SECRET_KEYS", "is not set, nor is SUPABASE_SECRET_KEY or SUPABASE_SERVICE_ROLE_KEY: no service could sign in")
	}
	return keys
}

func (c *checker) listen(v variables) string {
	name := "PORT"
	if v.ListenAddr != "" {
		name = "LISTEN_ADDR"
	}
	addr := listenAddr(v.ListenAddr, v.Port)
	if !hasPort(addr) {
		c.add(name, map[string]string{"PORT": "is not a port", "LISTEN_ADDR": "is not an address with a port"}[name])
	}
	return addr
}

func hasPort(addr string) bool {
	_, port, err := net.SplitHostPort(addr)
	_, portErr := strconv.ParseUint(port, 10, 16)
	return err == nil && portErr == nil
}

func (c *checker) console(v variables, publicURL string) *ConsoleConfig {
	on := c.oneOf("CONSOLE", v.Console, "on", "off") == "on"
	cfg := &ConsoleConfig{ListenAddr: v.ConsoleListenAddr, Role: v.OperatorRole}
	if cfg.ListenAddr != "" && !hasPort(cfg.ListenAddr) {
		c.add("CONSOLE_LISTEN_ADDR", "is not an address with a port")
	}
	if v.ConsoleURL != "" {
		if origins := c.origins("CONSOLE_URL", []string{v.ConsoleURL}); len(origins) == 1 {
			cfg.Origin = origins[0]
		}
	} else if u, err := url.Parse(publicURL); err == nil && u.Host != "" && cfg.ListenAddr == "" {
		cfg.Origin = u.Scheme + "://" + u.Host
	}
	if !on {
		return nil
	}
	return cfg
}

func isLoopback(u *url.URL) bool {
	ip := net.ParseIP(u.Hostname())
	return u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
}
