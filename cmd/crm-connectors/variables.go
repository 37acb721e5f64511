package main

import (
	"fmt"
	"io"
	"reflect"
	"strings"
	"time"
)

// variables are the environment variables of serve, as they are written; LoadConfig judges them. The tags are
// also the text of 'help config' and of its error messages.
type variables struct {
	DatabaseURL   string `env:"DATABASE_URL" group:"Database" help:"Postgres; required" example:"postgres://crm:PASSWORD@db.example.com:5432/postgres"`
	SupabaseDBURL string `env:"SUPABASE_DB_URL" group:"Database" help:"the same, under Supabase's name" example:"postgres://crm:PASSWORD@db.example.com:5432/postgres"`
	DBMaxConns    int    `env:"DB_MAX_CONNS" envDefault:"20" group:"Database" help:"connections this process may hold" example:"20"`
	PollOnly      string `env:"RIVER_POLL_ONLY" envDefault:"auto" group:"Database" help:"true: no LISTEN, as behind a transaction pooler; auto: true on port 6543" example:"true"`

	TokenKeyset     string `env:"TOKEN_KEYSET" group:"Secrets" help:"Tink AEAD keyset that seals CRM tokens, as JSON or base64 of it; required" example:"{\"primaryKeyId\":1,\"key\":[...]}"`
	TokenKeysetFile string `env:"TOKEN_KEYSET_FILE" group:"Secrets" help:"file that holds the keyset, instead" example:"/run/secrets/token-keyset.json"`
	TokenKeysetKMS  string `env:"TOKEN_KEYSET_KMS" group:"Secrets" help:"AWS KMS key that wraps the keyset; AWS's own variables say how to sign in there" example:"aws-kms://arn:aws:kms:eu-central-1:000000000000:key/00000000-0000-0000-0000-000000000000"`
	TokenEncKey     string `env:"TOKEN_ENC_KEY_B64" group:"Secrets" help:"key that Conduit sealed tokens with before; only until 'keys reencrypt' is done" example:"32 BYTES IN BASE64"`
	SecretKeys      string `env:"SUPABASE_SECRET_KEYS" group:"Secrets" help:"keys of Conduit's services by name, as a JSON object; this or one of the next two is required" example:"{\"default\":\"KEY\"}"`
	SecretKey       string `env:"SUPABASE_SECRET_KEY" group:"Secrets" help:"one such key, named default; ignored beside SUPABASE_SECRET_KEYS" example:"KEY"`
	ServiceRoleKey  string `env:"SUPABASE_SERVICE_ROLE_KEY" group:"Secrets" help:"the legacy service_role key" example:"KEY"`

	JWTSecret    string `env:"SUPABASE_JWT_SECRET" group:"People" help:"the project's legacy JWT secret: takes people's HS256 tokens and the service_role key" example:"SECRET"`
	JWTSecretOwn string `env:"JWT_SECRET" group:"People" help:"the same, under the self-hosted name" example:"SECRET"`
	JWKS         string `env:"SUPABASE_JWKS" group:"People" help:"the project's public keys: takes people's ES256 and RS256 tokens; goes before the URLs" example:"{\"keys\":[...]}"`
	JWKSURL      string `env:"SUPABASE_JWKS_URL" group:"People" help:"where the keys are; default: /auth/v1/.well-known/jwks.json below SUPABASE_PUBLIC_URL, else below SUPABASE_URL" example:"https://project.example.com/auth/v1/.well-known/jwks.json"`
	JWTIssuer    string `env:"JWT_ISSUER" group:"People" help:"the issuer that people's tokens must name" example:"https://project.example.com/auth/v1"`
	JWTAudience  string `env:"JWT_AUDIENCE" group:"People" help:"the audience that they must name" example:"authenticated"`

	WebhookSecret        string `env:"WEBHOOK_SECRET" group:"Webhooks" help:"what database webhooks and cron may send as x-webhook-secret; several separated by |" example:"SECRET"`
	WebhookSigningSecret string `env:"WEBHOOK_SIGNING_SECRET" group:"Webhooks" help:"what they sign bodies with, as Standard Webhooks says; several separated by |" example:"v1,whsec_BASE64"`

	AppBaseURL        string   `env:"APP_BASE_URL" group:"Addresses" help:"Conduit's web application, where people return to; required" example:"https://app.example.com"`
	RedirectOrigins   []string `env:"REDIRECT_ORIGINS" group:"Addresses" help:"more origins that people may return to" example:"https://staging.example.com"`
	CORSOrigins       []string `env:"CORS_ORIGINS" envDefault:"*" group:"Addresses" help:"origins whose pages may call" example:"https://app.example.com,https://staging.example.com"`
	PublicURL         string   `env:"PUBLIC_URL" group:"Addresses" help:"this service as browsers see it, without /functions/v1" example:"https://project.example.com"`
	SupabasePublicURL string   `env:"SUPABASE_PUBLIC_URL" group:"Addresses" help:"the same, under Supabase's name" example:"https://project.example.com"`
	SupabaseURL       string   `env:"SUPABASE_URL" group:"Addresses" help:"the project as this service sees it" example:"https://project.example.com"`
	ListenAddr        string   `env:"LISTEN_ADDR" group:"Addresses" help:"where to listen; goes before PORT" example:"127.0.0.1:9000"`
	Port              string   `env:"PORT" envDefault:"9000" group:"Addresses" help:"where to listen, on all addresses" example:"9000"`

	Console           string `env:"CONSOLE" envDefault:"on" group:"Console" help:"off: there is no operator's console" example:"off"`
	ConsoleListenAddr string `env:"CONSOLE_LISTEN_ADDR" group:"Console" help:"an address of its own for the console; without it, it is at /console beside the API" example:"127.0.0.1:9001"`
	ConsoleURL        string `env:"CONSOLE_URL" group:"Console" help:"the console as operators' browsers see it, if that is another origin than PUBLIC_URL" example:"https://crm-console.example.com"`
	OperatorRole      string `env:"CONSOLE_OPERATOR_ROLE" envDefault:"crm_operator" group:"Console" help:"the role in app_metadata (role, or one of roles) with which a person may use the console" example:"crm_operator"`

	HubSpotClientID     string `env:"HUBSPOT_CLIENT_ID" group:"HubSpot" help:"our app; without it only workspaces with an app of their own connect to HubSpot" example:"00000000-0000-0000-0000-000000000000"`
	HubSpotClientSecret string `env:"HUBSPOT_CLIENT_SECRET" group:"HubSpot" help:"its secret" example:"SECRET"`
	HubSpotRedirectURI  string `env:"HUBSPOT_REDIRECT_URI" group:"HubSpot" help:"as registered; default: below PUBLIC_URL" example:"https://project.example.com/functions/v1/hubspot-oauth-callback"`
	HubSpotAPIVersion   string `env:"HUBSPOT_API_VERSION" envDefault:"v3" group:"HubSpot" help:"v3, 2026-03 or 2026-09" example:"v3"`
	HubSpotAPIBaseURL   string `env:"HUBSPOT_API_BASE_URL" envDefault:"https://api.hubapi.com" group:"HubSpot" help:"the API" example:"https://api.hubapi.com"`
	HubSpotAuthBaseURL  string `env:"HUBSPOT_AUTH_BASE_URL" envDefault:"https://app.hubspot.com" group:"HubSpot" help:"where people sign in" example:"https://app.hubspot.com"`

	SalesforceClientID     string `env:"SALESFORCE_CLIENT_ID" group:"Salesforce" help:"our app; without it only workspaces with an app of their own connect to Salesforce" example:"CONSUMER_KEY"`
	SalesforceClientSecret string `env:"SALESFORCE_CLIENT_SECRET" group:"Salesforce" help:"its secret" example:"SECRET"`
	SalesforceRedirectURI  string `env:"SALESFORCE_REDIRECT_URI" group:"Salesforce" help:"as registered; default: below PUBLIC_URL" example:"https://project.example.com/functions/v1/salesforce-oauth-callback"`
	SalesforceAPIVersion   string `env:"SALESFORCE_API_VERSION" envDefault:"v66.0" group:"Salesforce" help:"of the REST API" example:"v66.0"`
	SalesforceAuthBaseURL  string `env:"SALESFORCE_AUTH_BASE_URL" envDefault:"https://login.salesforce.com" group:"Salesforce" help:"where people sign in" example:"https://login.salesforce.com"`

	RateService       int    `env:"RATE_LIMIT_SERVICE" envDefault:"60000" group:"Limits" help:"requests a minute of one service key; a fifth may come at once; 0, here and below: any number" example:"60000"`
	RateHook          int    `env:"RATE_LIMIT_HOOK" envDefault:"12000" group:"Limits" help:"the same of webhooks and cron together, and of HubSpot" example:"12000"`
	RatePerson        int    `env:"RATE_LIMIT_PERSON" envDefault:"600" group:"Limits" help:"the same of one signed-in person" example:"600"`
	RateAddress       int    `env:"RATE_LIMIT_ADDRESS" envDefault:"600" group:"Limits" help:"the same of one address: pages without credentials, and credentials that are no good" example:"600"`
	RateWorkspace     int    `env:"RATE_LIMIT_WORKSPACE" envDefault:"12000" group:"Limits" help:"the same about one workspace, by whomever; a batch counts once for each workspace in it" example:"12000"`
	AddressHeader     string `env:"CLIENT_ADDRESS_HEADER" group:"Limits" help:"the header in which the gateway names the client's address; of a list the last counts; not set: the address of the connection" example:"X-Real-Ip"`
	Connections       int    `env:"CONNECTIONS_MAX" envDefault:"4000" group:"Limits" help:"connections that callers may hold at once" example:"4000"`
	AddressConnection int    `env:"CONNECTIONS_PER_ADDRESS" envDefault:"0" group:"Limits" help:"the same of one address; 0 behind a gateway, whose address all have" example:"100"`

	Lease         time.Duration `env:"DELIVERY_LEASE" envDefault:"90s" group:"Waits" help:"how long a worker may hold a write before it counts as dead" example:"90s"`
	SendWindow    time.Duration `env:"DELIVERY_SEND_WINDOW" envDefault:"50s" group:"Waits" help:"how long of that it may begin to send" example:"50s"`
	CallTimeout   time.Duration `env:"CRM_CALL_TIMEOUT" envDefault:"30s" group:"Waits" help:"how long a CRM may take to answer a call" example:"30s"`
	LateCommit    time.Duration `env:"DELIVERY_LATE_COMMIT" envDefault:"11m" group:"Waits" help:"how long a CRM may still execute a call that was cut; shorter risks doubles" example:"11m"`
	IndexLag      time.Duration `env:"DELIVERY_INDEX_LAG" envDefault:"4m" group:"Waits" help:"how much later a search may show it; shorter risks doubles" example:"4m"`
	FirstLook     time.Duration `env:"DELIVERY_FIRST_LOOK" envDefault:"5s" group:"Waits" help:"from a lost answer to the first look for the record" example:"5s"`
	LookAgain     time.Duration `env:"DELIVERY_LOOK_AGAIN" envDefault:"60s" group:"Waits" help:"between looks" example:"60s"`
	DeadGrantWait time.Duration `env:"DELIVERY_DEAD_GRANT_WAIT" envDefault:"3s" group:"Waits" help:"before a refused refresh token is believed to be dead" example:"3s"`
	SweepEvery    time.Duration `env:"DELIVERY_SWEEP_EVERY" envDefault:"15s" group:"Waits" help:"how often dead workers are looked for" example:"15s"`
	Slice         time.Duration `env:"DELIVERY_SLICE" envDefault:"20s" group:"Waits" help:"how long one connection may keep a worker while others wait" example:"20s"`

	MetricsAddr  string  `env:"METRICS_ADDR" group:"Watching" help:"where to answer Prometheus at /metrics, without credentials; not set: nowhere" example:"127.0.0.1:9464"`
	OTLPEndpoint string  `env:"OTEL_EXPORTER_OTLP_ENDPOINT" group:"Watching" help:"the receiver of OpenTelemetry traces, over HTTP; not set: none are made" example:"http://otel-collector.example.com:4318"`
	OTLPHeaders  string  `env:"OTEL_EXPORTER_OTLP_HEADERS" group:"Watching" help:"what is sent to it besides, as names and values" example:"authorization=Bearer%20TOKEN"`
	OTLPProtocol string  `env:"OTEL_EXPORTER_OTLP_PROTOCOL" envDefault:"http/protobuf" group:"Watching" help:"http/protobuf, the only one" example:"http/protobuf"`
	ServiceName  string  `env:"OTEL_SERVICE_NAME" envDefault:"crm-connectors" group:"Watching" help:"how the service is called in traces; OTEL_RESOURCE_ATTRIBUTES adds to it" example:"crm-connectors"`
	TraceSampler string  `env:"OTEL_TRACES_SAMPLER" envDefault:"parentbased_always_on" group:"Watching" help:"which requests and jobs are traced, by OpenTelemetry's names" example:"parentbased_traceidratio"`
	TraceArg     float64 `env:"OTEL_TRACES_SAMPLER_ARG" envDefault:"1" group:"Watching" help:"the part of them, for the samplers by ratio: 0 to 1" example:"0.1"`

	ContentKept   time.Duration `env:"CONTENT_RETENTION" envDefault:"0s" group:"Running" help:"how long the content of settled writes is kept, at least 168h; their keys stay as WRITE_RETENTION says; 0s: as long as the writes" example:"720h"`
	Retention     time.Duration `env:"WRITE_RETENTION" envDefault:"0s" group:"Running" help:"how long settled writes and their keys are kept, at least 720h; an outcome that is sent again after that is written again; 0s: for ever" example:"9600h"`
	TrustedHosts  []string      `env:"CRM_TRUSTED_HOSTS" group:"Running" help:"hosts besides the CRMs' own that may receive secrets, with or without TLS" example:"127.0.0.1:9101,sim.example.com"`
	NotifyHosts   []string      `env:"NOTIFICATION_TRUSTED_HOSTS" group:"Running" help:"hosts of your own network that notifications may go to, with or without TLS; others must be public, with TLS" example:"alerts.example.internal:8080"`
	DailyShare    int           `env:"CRM_DAILY_SHARE" envDefault:"80" group:"Running" help:"percent of a CRM account's calls of a day, by whomever they are used, after which this service sends none" example:"80"`
	Proxy         string        `env:"CRM_PROXY_URL" group:"Running" help:"proxy for all calls to the CRMs and all notifications; HTTP_PROXY and the like are not heeded" example:"http://proxy.example.com:3128"`
	DrainWorkers  int           `env:"DRAIN_WORKERS" envDefault:"50" group:"Running" help:"connections of one CRM delivered at once by this process" example:"50"`
	LogLevel      string        `env:"LOG_LEVEL" envDefault:"info" group:"Running" help:"debug, info, warn or error" example:"info"`
	LogFormat     string        `env:"LOG_FORMAT" envDefault:"json" group:"Running" help:"json or console" example:"json"`
	ShutdownDelay time.Duration `env:"SHUTDOWN_DELAY" envDefault:"0s" group:"Running" help:"how long after SIGTERM requests are still taken while /readyz says no, so that load balancers notice" example:"5s"`
	ShutdownGrace time.Duration `env:"SHUTDOWN_GRACE" envDefault:"25s" group:"Running" help:"how long work may go on after SIGTERM" example:"25s"`
}

// variable is what the tags say of one environment variable.
type variable struct {
	field, name, group, help, example, standard string
}

// allVariables are in the order of the struct.
func allVariables() []variable {
	var all []variable
	for _, f := range reflect.VisibleFields(reflect.TypeFor[variables]()) {
		all = append(all, variable{
			field: f.Name, name: f.Tag.Get("env"), group: f.Tag.Get("group"),
			help: f.Tag.Get("help"), example: f.Tag.Get("example"), standard: f.Tag.Get("envDefault"),
		})
	}
	return all
}

func writeConfigHelp(w io.Writer) {
	var b strings.Builder
	fmt.Fprintf(&b, "The environment variables of '%s serve'. All that is missing or malformed is reported at once.\n", program)
	group := ""
	for _, v := range allVariables() {
		if v.group != group {
			group = v.group
			fmt.Fprintf(&b, "\n%s\n", group)
		}
		fmt.Fprintf(&b, "  %-26s %s", v.name, v.help)
		if v.standard != "" {
			fmt.Fprintf(&b, " (default %s)", v.standard)
		}
		b.WriteByte('\n')
	}
	_, _ = io.WriteString(w, b.String())
}
