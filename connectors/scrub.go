package connectors

import (
	"bytes"
	"net/http"
	"net/url"
	"strings"
)

// shortestSecret keeps words that stand everywhere from being taken for secrets.
const shortestSecret = 8

// scrub takes out of an answer what was secret in the call. CRMs quote tokens in their refusals, and refusals are kept and shown. A token
// endpoint's success is left alone: it may give the refresh token back that was sent.
func scrub(call Call, reply Reply) Reply {
	secrets := secretsOf(call)
	if len(secrets) == 0 || isForm(call) && reply.Status < http.StatusMultipleChoices {
		return reply
	}
	for _, secret := range secrets {
		for _, form := range []string{secret, url.QueryEscape(secret), strings.ReplaceAll(secret, "/", `\/`)} {
			if bytes.Contains(reply.Body, []byte(form)) {
				reply.Body = bytes.ReplaceAll(reply.Body, []byte(form), []byte(redacted))
			}
			for _, values := range reply.Header {
				for i := range values {
					values[i] = strings.ReplaceAll(values[i], form, redacted)
				}
			}
		}
	}
	return reply
}

func isForm(call Call) bool { return call.Header.Get("Content-Type") == formType }

// secretsOf are the bearer token of a call and the secret fields of a form.
func secretsOf(call Call) []string {
	var found []string
	keep := func(s string) {
		if len(s) >= shortestSecret {
			found = append(found, s)
		}
	}
	if token, ok := strings.CutPrefix(call.Header.Get("Authorization"), "Bearer "); ok {
		keep(token)
	}
	if isForm(call) {
		form, err := url.ParseQuery(string(call.Body))
		if err != nil {
			return found
		}
		for _, name := range []string{"client_secret", "refresh_token", "code", "code_verifier", "token"} {
			keep(form.Get(name))
		}
	}
	return found
}
