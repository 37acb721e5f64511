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
	technicalHeader = regexp.MustCompile(`(?im)^(?:received|message-id|mime-version|content-transfer-encoding|dkim-signature|return-path|x-mailer|in-reply-to|references|arc-seal|authentication-results):[ \t]`)
	mimeBoundary    = regexp.MustCompile(`(?im)^content-type:[ \t]*(?:multipart|text|message)/`)
	mailHeader      = regexp.MustCompile(`(?im)^(?:from|to|cc|subject|date|sent|von|an|betreff|gesendet|de|para|asunto|objet|envoyé):[ \t]*\S`)
	quotedLine      = regexp.MustCompile(`(?m)^[ \t]*>`)
	replyIntro      = regexp.MustCompile(`(?im)^[ \t]*(?:on .{6,120} wrote:|am .{6,120} schrieb .{1,80}:|le .{6,120} a écrit ?:|el .{6,120} escribió:)[ \t]*$`)
	originalMessage = regexp.MustCompile(`(?im)^[ \t>]*-{2,}[ \t]*(?:original message|forwarded message|ursprüngliche nachricht|message d'origine|mensaje original)[ \t]*-{2,}`)
	base64Lines     = regexp.MustCompile(`(?m)(?:^[A-Za-z0-9+/]{60,80}\r?\n){2,}[A-Za-z0-9+/]{4,80}={0,2}[ \t]*$`)
	base64Run       = regexp.MustCompile(`[A-Za-z0-9+/]{400,}={0,2}`)
	htmlDocument    = regexp.MustCompile(`(?i)<!doctype\s+html|<html[\s>]|<head[\s>]|<body[\s>]`)
	htmlLayout      = regexp.MustCompile(`(?i)<(?:table|tbody|tr|td|div|span|style|meta|blockquote|font|img)\b[^<>]*>`)
)

// rawReason says why a text is plainly a raw email; the empty text says that it is not.
func rawReason(s string) string {
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
	case base64Lines.MatchString(s), mixedRun(base64Run.FindString(s)):
		return "it holds a base64 block"
	case htmlDocument.MatchString(s), len(htmlLayout.FindAllStringIndex(s, 6)) >= 6:
		return "it is an HTML document"
	}
	return ""
}

// headerBlock says whether three header lines follow one another, as they do in a message and not in notes.
func headerBlock(s string) bool {
	run := 0
	for line := range strings.Lines(s) {
		if run++; !mailHeader.MatchString(line) {
			run = 0
		}
		if run == 3 {
			return true
		}
	}
	return false
}

// mixedRun tells encoded bytes from a long run of one kind of character, such as a rule of letters.
func mixedRun(run string) bool {
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
