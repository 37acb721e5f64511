package main

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"crm-connectors/connectors"
)

// salesforceHosts are the hosts of orgs and of Salesforce's sign-in: all below this one.
const salesforceHosts = ".salesforce.com"

// hubspotAPIHosts are the hosts of HubSpot's API; a dot in front means all below.
func hubspotAPIHosts() []string { return []string{".hubapi.com", "api.hubspot.com"} }

// anyURL wants http or https, a host, and nothing that a base URL does not have.
func (c *checker) anyURL(name, value string) string {
	if value == "" {
		return ""
	}
	u, err := url.Parse(value)
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") {
		c.add(name, "is not a URL that begins with https://")
		return ""
	}
	if u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || strings.ContainsAny(value, "# \t\r\n") {
		c.add(name, "holds a user name, a query or a fragment")
		return ""
	}
	return strings.TrimRight(value, "/")
}

// webURL is anyURL that browsers may be sent to: TLS, but for this machine.
func (c *checker) webURL(name, value string) string {
	clean := c.anyURL(name, value)
	if clean == "" {
		return ""
	}
	if u, err := url.Parse(clean); err != nil || (u.Scheme != "https" && !isLoopback(u)) {
		c.add(name, "is not https, which only localhost may do without")
		return ""
	}
	return clean
}

// origins wants scheme, host and port alone.
func (c *checker) origins(name string, values []string) []string {
	var out []string
	for _, value := range values {
		if value = strings.TrimSpace(value); value == "" {
			continue
		}
		u, err := url.Parse(value)
		if err != nil || u.Host == "" || u.User != nil || (u.Path != "" && u.Path != "/") || u.RawQuery != "" || u.Fragment != "" ||
			(u.Scheme != "https" && (u.Scheme != "http" || !isLoopback(u))) {
			c.add(name, "has an entry that is not an origin: https:// and a host, without a path")
			continue
		}
		out = append(out, strings.ToLower(u.Scheme+"://"+u.Host))
	}
	return out
}

// proxy is what all calls to the CRMs go through, if anything.
func (c *checker) proxy(value string) connectors.Secret {
	if value == "" {
		return connectors.Secret{}
	}
	u, err := url.Parse(value)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" {
		c.add("CRM_PROXY_URL", "is not the address of a proxy: http:// or https://, a host and a port")
	}
	return connectors.NewSecret(value)
}

func (c *checker) trustedHosts(name string, values []string) []string {
	var out []string
	for _, value := range values {
		if value = strings.ToLower(strings.TrimSpace(value)); value == "" {
			continue
		}
		if !hostPort.MatchString(value) {
			c.add(name, "has an entry that is not a host or host:port")
			continue
		}
		out = append(out, value)
	}
	return out
}

// secretURL is the base URL of a CRM, which receives secrets: a host of the CRM's own over TLS,
// or one that the operator trusts.
func (c *checker) secretURL(name, value string, trusted []string, own ...string) string {
	clean := c.anyURL(name, value)
	if clean == "" {
		return ""
	}
	u, err := url.Parse(clean)
	if err != nil || u.Path != "" {
		c.add(name, "has a path")
		return ""
	}
	host := strings.ToLower(u.Host)
	if slices.Contains(trusted, host) {
		return clean
	}
	if u.Scheme != "https" || !slices.ContainsFunc(own, func(o string) bool {
		return host == o || strings.HasPrefix(o, ".") && strings.HasSuffix(host, o)
	}) {
		c.add(name, "is not one of the CRM's own hosts over https, and would receive secrets; if that is meant, add its host to CRM_TRUSTED_HOSTS")
		return ""
	}
	return clean
}

// app is one CRM's registration: whole, or without client id and secret, so that only workspaces with an app of their own can connect. It is nil,
// and the CRM off, where browsers could not come back.
func (c *checker) app(prefix, id, secret, redirect, publicURL string) *connectors.App {
	ours := id != "" || secret != ""
	for _, one := range []struct{ name, value string }{{"_CLIENT_ID", id}, {"_CLIENT_SECRET", secret}} {
		if ours && one.value == "" {
			c.add(prefix+one.name, "is not set, while others of "+prefix+"_… are")
		}
	}
	name := prefix + "_REDIRECT_URI"
	if redirect == "" {
		redirect = publicURL + fmt.Sprintf(callbackPath, strings.ToLower(prefix))
		u, err := url.Parse(redirect)
		switch usable := err == nil && publicURL != "" && (u.Scheme == "https" || isLoopback(u)); {
		case usable:
		case !ours:
			return nil
		case publicURL == "":
			c.add(name, "is not set and cannot be derived, for PUBLIC_URL is not set either")
			return nil
		default:
			c.add(name, "is not set, and what would be derived is not https: set it, or PUBLIC_URL")
			return nil
		}
	} else if c.webURL(name, redirect) == "" {
		return nil
	}
	return &connectors.App{ClientID: id, ClientSecret: connectors.NewSecret(secret), RedirectURL: redirect}
}

func (c *checker) hubspot(v variables, cfg Config) *HubSpotConfig {
	app := c.app("HUBSPOT", v.HubSpotClientID, v.HubSpotClientSecret, v.HubSpotRedirectURI, cfg.PublicURL)
	if app == nil {
		return nil
	}
	h := &HubSpotConfig{
		App:        *app,
		APIBaseURL: c.secretURL("HUBSPOT_API_BASE_URL", v.HubSpotAPIBaseURL, cfg.TrustedHosts, hubspotAPIHosts()...),
		APIVersion: c.oneOf("HUBSPOT_API_VERSION", v.HubSpotAPIVersion, "v3", "2026-03", "2026-09"),
	}
	h.App.LoginURL = c.secretURL("HUBSPOT_AUTH_BASE_URL", v.HubSpotAuthBaseURL, cfg.TrustedHosts, ".hubspot.com")
	return h
}

func (c *checker) salesforce(v variables, cfg Config) *SalesforceConfig {
	app := c.app("SALESFORCE", v.SalesforceClientID, v.SalesforceClientSecret, v.SalesforceRedirectURI, cfg.PublicURL)
	if app == nil {
		return nil
	}
	s := &SalesforceConfig{App: *app, APIVersion: v.SalesforceAPIVersion}
	s.App.LoginURL = c.secretURL("SALESFORCE_AUTH_BASE_URL", v.SalesforceAuthBaseURL, cfg.TrustedHosts,
		"login.salesforce.com", "test.salesforce.com", ".my.salesforce.com")
	if !salesforceVersion.MatchString(v.SalesforceAPIVersion) {
		c.add("SALESFORCE_API_VERSION", "is not a version such as v66.0")
	}
	return s
}
