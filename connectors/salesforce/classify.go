package salesforce

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"crm-connectors/connectors"
)

// refusal is Salesforce's own words about one call. It lies beneath a *connectors.Error, so that the
// connector can act on errorCodes that the contract does not know.
type refusal struct {
	items []refusalItem
}

type refusalItem struct {
	Message    string   `json:"message"`
	ErrorCode  string   `json:"errorCode"`
	StatusCode string   `json:"statusCode"` // what collections call errorCode
	Fields     []string `json:"fields"`

	// The duplicate rule's findings. Both spellings are in use.
	Resut  *duplicates `json:"duplicateResut"`
	Result *duplicates `json:"duplicateResult"`
}

// Error names the codes alone: the messages may echo a customer's data.
func (r *refusal) Error() string {
	codes := make([]string, 0, len(r.items))
	for _, it := range r.items {
		codes = append(codes, it.ErrorCode)
	}
	return "salesforce: " + strings.Join(codes, ", ")
}

// refused gives the first item with one of the codes.
func refused(err *connectors.Error, codes ...string) (refusalItem, bool) {
	var r *refusal
	if err == nil || !errors.As(err.Err, &r) {
		return refusalItem{}, false
	}
	i := slices.IndexFunc(r.items, func(it refusalItem) bool { return slices.Contains(codes, it.ErrorCode) })
	if i < 0 {
		return refusalItem{}, false
	}
	return r.items[i], true
}

// parseRefusal reads the shapes in which errors come: an array, one object, or something that is not
// JSON, which becomes one item without a code.
func parseRefusal(body []byte) *refusal {
	var items []refusalItem
	if err := json.Unmarshal(body, &items); err != nil || len(items) == 0 {
		var one refusalItem
		if err := json.Unmarshal(body, &one); err != nil || one.Message == "" && one.ErrorCode == "" {
			one = refusalItem{Message: string(body[:min(len(body), 1000)])}
		}
		items = []refusalItem{one}
	}
	for i := range items {
		if items[i].ErrorCode == "" {
			items[i].ErrorCode = items[i].StatusCode
		}
	}
	return &refusal{items: items}
}

// gravity orders classes where one answer holds several: it may be retried only when all of it may,
// and it was executed or not as its worst part says.
var gravity = map[connectors.Class]int{
	connectors.ClassRetry:          0,
	connectors.ClassRejected:       1,
	connectors.ClassNeedsAuth:      2,
	connectors.ClassMisconfigured:  3,
	connectors.ClassNeedsReconnect: 4,
	connectors.ClassInDoubt:        5,
}

// classify turns an answer that is no success into an Error. now is for a Retry-After that is a date.
func classify(effect connectors.Effect, reply connectors.Reply, now time.Time) *connectors.Error {
	return classifyOn("", effect, reply, now)
}

// classifyOn is classify for a write to an object, whose fields the action then names in full.
func classifyOn(object string, effect connectors.Effect, reply connectors.Reply, now time.Time) *connectors.Error {
	r := parseRefusal(reply.Body)
	var worst *connectors.Error
	for _, item := range r.items {
		e := judge(object, effect, reply.Status, item)
		if worst == nil || gravity[e.Class] > gravity[worst.Class] ||
			e.Class == worst.Class && e.RetryAfter > worst.RetryAfter {
			worst = e
		}
	}
	worst.Status = reply.Status
	worst.Err = r
	if wait, ok := connectors.RetryAfter(reply.Header, now); ok && worst.Class == connectors.ClassRetry {
		worst.RetryAfter = wait
	}
	return worst
}

// judge finds the line of the table for one item. object is what was written to; "": not known, or nothing.
func judge(object string, effect connectors.Effect, status int, item refusalItem) *connectors.Error {
	line := lineFor(status, item)
	e := &connectors.Error{Class: line.class, Code: line.code, Cause: cause(line.says, item), Action: naming(line.action, item.about(object)),
		RetryAfter: line.wait, Pause: line.pause, RequestID: errorID(item.Message)}
	if e.Class == connectors.ClassInDoubt && effect != connectors.Once {
		e.Class, e.Action = connectors.ClassRetry, doNothing
	}
	return e
}

func lineFor(status int, item refusalItem) rule {
	message := strings.ToLower(item.Message)
	for _, table := range [][]rule{byMessage, byErrorCode, byStatus} {
		for _, line := range table {
			if line.fits(status, item.ErrorCode, message) {
				return line
			}
		}
	}
	return byStatus[len(byStatus)-1]
}

func (l rule) fits(status int, errorCode, message string) bool {
	return (l.errorCode == "" || l.errorCode == errorCode) &&
		(!l.bare || errorCode == "") &&
		strings.Contains(message, l.message) &&
		(l.low == 0 || l.low <= status && status <= l.high)
}

// cause is our sentence with Salesforce's words behind it. A page of HTML is not quoted.
func cause(says string, item refusalItem) string {
	quoted := connectors.Quote(item.Message)
	if quoted != "" && !strings.HasPrefix(quoted, "<") {
		says += fmt.Sprintf(": “%s”", quoted)
	}
	var about []string
	if item.ErrorCode != "" {
		about = append(about, connectors.Quote(item.ErrorCode))
	}
	if len(item.Fields) > 0 {
		about = append(about, "fields "+connectors.Quote(strings.Join(item.Fields, ", ")))
	}
	if len(about) > 0 {
		says += " (" + strings.Join(about, "; ") + ")"
	}
	return says + "."
}

var errorIDShape = regexp.MustCompile(`ErrorId[^:]{0,60}:\s*([0-9-]+ \([0-9-]+\))`)

// errorID is the number that an UNKNOWN_EXCEPTION carries for Salesforce's support.
func errorID(message string) string {
	if m := errorIDShape.FindStringSubmatch(message); m != nil {
		return m[1]
	}
	return ""
}

// lost is the Error for a call without a complete answer.
func lost(effect connectors.Effect, err error) *connectors.Error {
	if held, ok := connectors.HeldBack(err); ok {
		return held
	}
	var te *connectors.TransportError
	sent := !errors.As(err, &te) || te.Sent
	out := &connectors.Error{Class: connectors.ClassRetry, Code: "crm_unreachable", Cause: "Salesforce could not be reached.",
		Action: doNothing, Err: err}
	if te != nil {
		out.Status = te.Status
	}
	switch {
	case errors.Is(err, connectors.ErrSendDeadline):
		out.Code, out.Cause = "send_window_over", "The time to send had passed before the request went out."
	case sent && effect == connectors.Once:
		out.Class, out.Code, out.Cause, out.Action = connectors.ClassInDoubt, "answer_lost",
			"The request went out and no complete answer came back.", doFind
	case sent:
		out.Code, out.Cause = "answer_lost", "No complete answer came back."
	}
	return out
}

// unreadable is the Error for a success whose body does not hold what it must.
func unreadable(effect connectors.Effect, status int, err error) *connectors.Error {
	out := &connectors.Error{Class: connectors.ClassRetry, Code: "crm_unexpected",
		Cause: "Salesforce's answer could not be understood.", Action: doNothing, Status: status, Err: err}
	if effect == connectors.Once {
		out.Class, out.Action = connectors.ClassInDoubt, doFind
	}
	return out
}

// rejected is an Error of our own making: nothing was sent.
func rejected(code, cause, action string) *connectors.Error {
	return &connectors.Error{Class: connectors.ClassRejected, Code: code, Cause: cause, Action: action}
}

func succeeded(reply connectors.Reply) bool {
	return reply.Status >= http.StatusOK && reply.Status < http.StatusMultipleChoices
}
