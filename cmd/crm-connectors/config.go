package main

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"

	environment "github.com/caarlos0/env/v11"

	"crm-connectors/api"
	"crm-connectors/connectors"
)

// Config is what serve needs, checked. It prints without its secrets.
type Config struct {
	DatabaseURL connectors.Secret
	DBMaxConns  int32
	PollOnly    bool // no LISTEN: the database is behind a transaction pooler

	Keyset      keysetSource
	ServiceKeys map[string]connectors.Secret // by name: what services authenticate with
	Tokens      TokenConfig
	Hooks       *api.Hooks // nil: webhooks and cron use service keys

	AppBaseURL      string   // no slash at its end, as all URLs here
	RedirectOrigins []string // besides AppBaseURL's own
	CORSOrigins     []string // "*" for all
	PublicURL       string   // may be empty when both redirect URIs are given
	ListenAddr      string
	Limits          Limits
	Console         *ConsoleConfig // nil: off
	MetricsAddr     string         // empty: nobody is answered

	HubSpot      *HubSpotConfig    // nil: off, for browsers could not come back
	Salesforce   *SalesforceConfig // nil: off; at least one of both is on
	TrustedHosts []string          // lower case
	NotifyHosts  []string          // the same, for notifications
	Proxy        connectors.Secret // that all calls to the CRMs and all notifications go through: an address, perhaps with a password; empty: none

	DailyShare    float64       // of 1
	ContentKept   time.Duration // 0: as long as the writes
	Retention     time.Duration // 0: for ever
	DrainWorkers  int
	Waits         Waits
	LogLevel      string // debug, info, warn, error
	LogFormat     string // json, console
	ShutdownDelay time.Duration
	ShutdownGrace time.Duration
	Tracing       *TracingConfig // nil: off
}

// Limits are how much is taken from callers.
type Limits struct {
	Rates                              api.Rates
	Connections, ConnectionsPerAddress int // 0: any number
}

// Waits are how long the service waits for what, checked against each other.
type Waits struct {
	Lease, SendWindow, CallTimeout             time.Duration
	LateCommit, IndexLag, FirstLook, LookAgain time.Duration
	DeadGrantWait, SweepEvery, Slice           time.Duration
}

// TokenConfig is how people's tokens are verified. All of it empty: nobody signs in but services.
type TokenConfig struct {
	Secret           connectors.Secret
	KeySet           *api.KeySet // given in full; goes before KeySetURL
	KeySetURL        string
	Issuer, Audience string
}

// TracingConfig is where traces go, and which.
type TracingConfig struct {
	Endpoint    string
	Headers     map[string]connectors.Secret
	ServiceName string
	Sampler     string
	SamplerArg  float64
}

// ConsoleConfig is where the operator's console is and which people may use it.
type ConsoleConfig struct {
	ListenAddr string // empty: beside the API
	Origin     string // as browsers see it; empty: not known
	Role       string
}

// HubSpotConfig is our HubSpot app and where HubSpot is.
type HubSpotConfig struct {
	App        connectors.App // LoginURL is HUBSPOT_AUTH_BASE_URL; without ClientID only workspaces with an app of their own can connect
	APIBaseURL string
	APIVersion string
}

// SalesforceConfig is our Salesforce app and where people sign in.
type SalesforceConfig struct {
	App        connectors.App // LoginURL is SALESFORCE_AUTH_BASE_URL; ClientID as above
	APIVersion string         // with its v
}

// Problem is one variable that is missing or malformed.
type Problem struct {
	Name    string // of the variable
	Wrong   string // what is wrong with it; never its value
	Example string // a good value
}

// ConfigError lists all that is wrong with the environment.
type ConfigError struct{ Problems []Problem }

func (e *ConfigError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "the environment is not complete (%s help config explains each variable):", program)
	for _, p := range e.Problems {
		fmt.Fprintf(&b, "\n  %s %s\n      for example %s=%s", p.Name, p.Wrong, p.Name, p.Example)
	}
	return b.String()
}

// LoadConfig reads the environment through getenv. An empty variable counts as not set. The error is a
// *ConfigError with every problem; it holds no value of any variable.
func LoadConfig(getenv func(string) string) (Config, error) {
	raw, c, err := readVariables(getenv)
	if err != nil {
		return Config{}, err
	}
	cfg := c.config(raw)
	if err := c.verdict(); err != nil {
		return Config{}, err
	}
	return cfg, nil
}

// readVariables gives the variables as they are written, and the checker that has seen which of them are not of their type.
func readVariables(getenv func(string) string) (variables, *checker, error) {
	c := &checker{examples: map[string]string{}}
	values := map[string]string{}
	byField := map[string]string{}
	for _, v := range allVariables() {
		c.examples[v.name], byField[v.field] = v.example, v.name
		if value := strings.TrimSpace(getenv(v.name)); value != "" {
			values[v.name] = value
		}
	}
	raw, err := environment.ParseAsWithOptions[variables](environment.Options{Environment: values})
	var all environment.AggregateError
	if errors.As(err, &all) {
		for _, one := range all.Errors {
			var parse environment.ParseError
			if !errors.As(one, &parse) {
				return variables{}, nil, fmt.Errorf("read the environment: %w", one)
			}
			wrong := "is not a whole number"
			if parse.Type == reflect.TypeFor[float64]() {
				wrong = "is not a number"
			}
			if parse.Type == reflect.TypeFor[time.Duration]() {
				wrong = "is not a duration"
			}
			c.add(byField[parse.Name], wrong)
		}
	}
	return raw, c, nil
}

// crms are those that the service is set up for.
func (c Config) crms() []connectors.CRM {
	var all []connectors.CRM
	if c.HubSpot != nil {
		all = append(all, connectors.HubSpot)
	}
	if c.Salesforce != nil {
		all = append(all, connectors.Salesforce)
	}
	return all
}

// listenAddr is where serve listens and health asks.
func listenAddr(addr, port string) string {
	switch {
	case addr != "":
		return addr
	case port != "":
		return ":" + port
	default:
		return ":9000"
	}
}
