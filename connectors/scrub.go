package connectors

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"unicode/utf8"
)

// shortestSecret keeps words that stand everywhere from being taken for secrets.
const shortestSecret = 8

// scrub takes out of an answer what was secret in the call. CRMs quote tokens in their refusals, and refusals are kept and shown. A token
// endpoint's success is left alone: it may give the refresh token back that was sent.
func scrub(call Call, reply Reply) Reply {
	if isForm(call) && reply.Status < http.StatusMultipleChoices {
		return reply
	}
	for _, secret := range secretsOf(call) {
		if written := writtenAs(secret, reply.Body); written != nil {
			reply.Body = written.ReplaceAllLiteral(reply.Body, []byte(redacted))
		}
		for _, values := range reply.Header {
			for i := range values {
				values[i] = redact(values[i], secret)
			}
		}
	}
	return reply
}

// scrubbedError is an error whose text quoted a secret of its call: net/http repeats lines of an answer that it cannot read.
type scrubbedError struct {
	text string
	err  error
}

// Error is the text without the secret.
func (e *scrubbedError) Error() string { return e.text }

// Unwrap gives the error for errors.Is and errors.As; its text is not to be shown.
func (e *scrubbedError) Unwrap() error { return e.err }

func scrubError(call Call, err error) error {
	text := Redact(err.Error(), secretsOf(call)...)
	if text == err.Error() {
		return err
	}
	return &scrubbedError{text: text, err: err}
}

// Redact takes secrets out of foreign text, in all the ways in which a web server writes them. What is shorter than a secret is left.
func Redact(text string, secrets ...string) string {
	for _, secret := range secrets {
		text = redact(text, secret)
	}
	return text
}

func redact(text, secret string) string {
	if written := writtenAs(secret, []byte(text)); written != nil {
		return written.ReplaceAllLiteralString(text, redacted)
	}
	return text
}

// writtenAs finds a secret in text as it is and escaped for URLs, JSON and HTML, character by character, and in base64 and hex. nil: it is
// not there, which is found out without building anything for nearly every answer.
func writtenAs(secret string, text []byte) *regexp.Regexp {
	if len(secret) < shortestSecret {
		return nil
	}
	var ways []string
	if core := longestWord(secret); bytes.Contains(text, []byte(core)) {
		var escaped strings.Builder
		for _, b := range []byte(secret) {
			escaped.WriteString(anyEscapeOf(b))
		}
		ways = append(ways, regexp.QuoteMeta(strings.ToValidUTF8(secret, "")), escaped.String())
	}
	for _, encoded := range encodings(secret) {
		if bytes.Contains(text, []byte(encoded)) {
			ways = append(ways, regexp.QuoteMeta(encoded))
		}
	}
	if len(ways) == 0 {
		return nil
	}
	found, err := regexp.Compile(strings.Join(ways, "|"))
	if err != nil { // a secret that is no text: of its encodings none is text either
		return nil
	}
	return found
}

// longestWord is the longest run of letters and digits, which no escaping changes; the whole secret where that is too short to tell.
func longestWord(secret string) string {
	longest := ""
	for word := range strings.FieldsFuncSeq(secret, func(r rune) bool { return !isPlain(byte(r)) || r >= utf8.RuneSelf }) { //nolint:gosec // a rune beyond a byte is left out by the second half
		if len(word) > len(longest) {
			longest = word
		}
	}
	if len(longest) < 4 {
		return ""
	}
	return longest
}

func isPlain(b byte) bool {
	return b >= '0' && b <= '9' || b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z'
}

func anyEscapeOf(b byte) string {
	if isPlain(b) {
		return string(b)
	}
	if b >= utf8.RuneSelf {
		return fmt.Sprintf(`%%(?:25)?(?i:%02x)`, b)
	}
	ways := []string{regexp.QuoteMeta(string(rune(b))), fmt.Sprintf(`%%(?:25)?(?i:%02x)`, b), `\\` + regexp.QuoteMeta(string(rune(b))),
		fmt.Sprintf(`\\+(?:u00|x)(?i:%02x)`, b), fmt.Sprintf(`&(?:amp;)?#(?:0*%d|[xX]0*(?i:%x));`, b, b)}
	for entity, of := range map[string]byte{"amp": '&', "lt": '<', "gt": '>', "quot": '"', "apos": '\'', "plus": '+', "equals": '=', "sol": '/'} {
		if b == of {
			ways = append(ways, "&(?:amp;)?"+entity+";")
		}
	}
	return "(?:" + strings.Join(ways, "|") + ")"
}

// encodings are a secret in hex and in base64, there as it looks at each of the three places that it may have in a longer text.
func encodings(secret string) []string {
	all := []string{hex.EncodeToString([]byte(secret)), strings.ToUpper(hex.EncodeToString([]byte(secret)))}
	for before := range 3 {
		whole := base64.StdEncoding.EncodeToString(append(make([]byte, before), secret...))
		first := (before*8 + 5) / 6            // characters that tell of what stands before, too
		last := (before + len(secret)) * 8 / 6 // whole characters of the secret
		text := whole[first:last]
		all = append(all, text, strings.NewReplacer("+", "-", "/", "_").Replace(text))
	}
	return all
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
