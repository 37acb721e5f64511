package handlers

import (
	"regexp"
	"strings"

	"crm-connectors/api"
)

// Conduit sends what it curated; raw email stays there. A text that is plainly a raw email means that a caller sends
// the wrong field, and nothing of it may reach a CRM. The rules are made to miss rather than to refuse a person's prose: each
// needs a shape that prose does not have.
var (
	// Received, References and the like are also words of notes, so they count only with the value that a mail program writes.
	technicalHeader = regexp.MustCompile(`(?im)^[ \t]*(?:(?:mime-version|content-transfer-encoding|dkim-signature|return-path|x-mailer|arc-seal|authentication-results):[ \t]|(?:message-id|in-reply-to|references):[ \t]*<|received:[ \t]+(?:from|by)[ \t]+[^\s.:]*[.:])`)
	mimeBoundary    = regexp.MustCompile(`(?im)^[ \t]*content-type:[ \t]*(?:multipart|text|message)/`)
	// French puts a space, mostly a fixed one, before a colon; a text made from HTML keeps the stars of bold names.
	mailHeader      = regexp.MustCompile(`(?im)^[ \t*]*(?:from|to|cc|bcc|reply-to|subject|date|sent|von|an|datum|betreff|gesendet|de|à|para|asunto|enviado|objet|envoyé)[*]*[ \x{00A0}\x{202F}]?:[*]*[ \t\x{00A0}]*[^\s*]`)
	messageHeader   = regexp.MustCompile(`(?im)^[ \t*]*(?:subject|sent|betreff|gesendet|asunto|enviado|objet|envoyé)[*]*[ \x{00A0}\x{202F}]?:|@`)
	quotedLine      = regexp.MustCompile(`(?m)^[ \t]*>`)
	replyIntro      = regexp.MustCompile(`(?im)^[ \t]*(?:on .{6,120}[ \t\r\n]+wrote:|am .{6,120} schrieb .{1,80}:|le .{6,120} a écrit[ \x{00A0}\x{202F}]?:|el .{6,120} escribió:)[ \t\r]*$`)
	originalMessage = regexp.MustCompile(`(?im)^[ \t>]*(?:-{2,}[ \t]*(?:original message|forwarded message|ursprüngliche nachricht|weitergeleitete nachricht|message d['’]origine|message transféré|mensaje original)[ \t]*-{2,}|begin forwarded message:)`)
	base64Lines     = regexp.MustCompile(`(?m)(?:^[A-Za-z0-9+/]{60,80}\r?\n){2,}[A-Za-z0-9+/]{4,80}={0,2}[ \t\r]*$`)
	htmlDocument    = regexp.MustCompile(`(?i)<!doctype\s+html|<html[\s>]|<head[\s>]|<body[\s>]`)
	htmlLayout      = regexp.MustCompile(`(?i)<(?:table|tbody|tr|td|div|span|style|meta|blockquote|font|img)\b[^<>]*>`)
)

// longRun is how many characters of base64 without a break are no word, number or address.
const longRun = 400

// shortRun is the shortest line of base64 that counts.
const shortRun = 60

// rawReason says why a text is plainly a raw email; the empty text says that it is not.
func rawReason(s string) string {
	if !suspect(s) {
		return ""
	}
	switch {
	case technicalHeader.MatchString(s) && (mimeBoundary.MatchString(s) || len(technicalHeader.FindAllStringIndex(s, 2)) == 2 || mailHeader.MatchString(s)):
		return "it holds the header lines of an email"
	case mimeBoundary.MatchString(s) && strings.Contains(strings.ToLower(s), "boundary="):
		return "it holds the parts of a MIME message"
	case len(mailHeader.FindAllStringIndex(s, 4)) >= 3 && headerBlock(s):
		return "it holds the header lines of an email"
	case originalMessage.MatchString(s):
		return "it holds a forwarded or quoted message"
	case replyIntro.MatchString(s) && quotedLine.MatchString(s), len(quotedLine.FindAllStringIndex(s, 4)) >= 4:
		return "it holds a quoted reply"
	case mixed(base64Lines.FindString(s)), encodedRun(s):
		return "it holds a base64 block"
	case htmlDocument.MatchString(s), len(htmlLayout.FindAllStringIndex(s, 6)) >= 6:
		return "it is an HTML document"
	}
	return ""
}

// suspect says whether a text has what every shape of a raw email needs: lines with colons, signs of quotes or tags, rules of dashes, or a long run without a
// space. Nearly no curated text has, and the expressions cost more than all else that is done with an outcome.
func suspect(s string) bool {
	colons, lines, run := 0, 0, 0
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case base64Character(c):
			if run++; run >= shortRun {
				return true
			}
			continue
		case c == '<' || c == '>', c == '-' && i > 0 && s[i-1] == '-':
			return true
		case c == ':':
			colons++
		case c == '\n':
			lines++
		}
		run = 0
	}
	if colons == 0 || lines > 0 {
		return colons > 0
	}
	lower := strings.ToLower(s)
	return strings.Contains(lower, "boundary=") || strings.Contains(lower, "begin forwarded message:")
}

// headerBlock says whether three header lines follow one another, as they do in a message and not in notes. One of them must be
// about a message: notes of a journey have From, To and Date too.
func headerBlock(s string) bool {
	run, message := 0, false
	for line := range strings.Lines(s) {
		if !mailHeader.MatchString(line) {
			run, message = 0, false
			continue
		}
		run, message = run+1, message || messageHeader.MatchString(line)
		if run >= 3 && message {
			return true
		}
	}
	return false
}

// encodedRun says whether a text holds encoded bytes without line breaks.
func encodedRun(s string) bool {
	start := 0
	for i := 0; i <= len(s); i++ {
		if i < len(s) && base64Character(s[i]) {
			continue
		}
		if i-start >= longRun && mixed(s[start:i]) {
			return true
		}
		start = i + 1
	}
	return false
}

func base64Character(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '+' || c == '/'
}

// mixed tells encoded bytes from a long run of one kind of character, such as a rule of letters.
func mixed(run string) bool {
	return run != "" && strings.ContainsAny(run, "0123456789") && strings.ContainsAny(run, "abcdefghijklmnopqrstuvwxyz") &&
		strings.ContainsAny(run, "ABCDEFGHIJKLMNOPQRSTUVWXYZ")
}

// curated refuses an outcome that carries raw email.
func curated(o api.Outcome) error {
	fields := map[string]string{}
	if o.Task != nil {
		fields["task.subject"], fields["task.body"] = o.Task.Subject, text(o.Task.Body)
	}
	if o.Rollup != nil {
		fields["rollup.summary"] = o.Rollup.Summary
	}
	for _, name := range []string{"task.subject", "task.body", "rollup.summary"} {
		if reason := rawReason(fields[name]); reason != "" {
			return fail(api.CodeRawContentRefused, name+" is raw email: "+reason+". Send the curated text alone.",
				map[string]any{"field": name, "reason": reason})
		}
	}
	return nil
}
