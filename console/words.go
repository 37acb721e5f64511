package console

import (
	"fmt"
	"html/template"
	"net/http"
	"strconv"
	"strings"
	"time"

	"crm-connectors/handlers"
)

// functions are what templates may call.
func (c *Console) functions() template.FuncMap {
	return template.FuncMap{
		"static": c.assets.path, "ago": func(t any) (moment, error) { return c.moment(t) }, "number": number, "count": count,
		"statusWord": statusWord, "tone": tone, "healthWord": healthWord, "sentence": sentence, "capital": capital, "chart": chart, "percent": percent,
		"scopeTone": scopeTone, "limitWord": limitWord, "pair": newPair, "hasKey": hasKey, "callTone": callTone,
	}
}

// moment is a time as a page shows it: how far away, with the time itself beside it.
type moment struct{ Words, Exact, Machine string }

func (c *Console) moment(v any) (moment, error) {
	var t time.Time
	switch v := v.(type) {
	case time.Time:
		t = v
	case *time.Time:
		if v != nil {
			t = *v
		}
	default:
		return moment{}, fmt.Errorf("%T is no time", v)
	}
	if t.IsZero() {
		return moment{}, nil
	}
	u := t.UTC()
	return moment{Words: relative(t.Sub(c.cfg.Now())), Exact: u.Format("2006-01-02 15:04:05") + " UTC", Machine: u.Format(time.RFC3339)}, nil
}

// relative is a distance from now in words.
func relative(d time.Duration) string {
	past := d < 0
	if past {
		d = -d
	}
	var words string
	switch {
	case d < 10*time.Second:
		return "just now"
	case d < time.Minute:
		words = strconv.Itoa(int(d.Seconds())) + " s"
	case d < time.Hour:
		words = strconv.Itoa(int(d.Minutes())) + " min"
	case d < 48*time.Hour:
		words = strconv.Itoa(int(d.Hours())) + " h"
	default:
		words = strconv.Itoa(int(d.Hours()/24)) + " days"
	}
	if past {
		return words + " ago"
	}
	return "in " + words
}

// number groups the digits of n.
func number(n any) string {
	digits := fmt.Sprint(n)
	for at := len(digits) - 3; at > 0; at -= 3 {
		digits = digits[:at] + "," + digits[at:]
	}
	return digits
}

func count(n handlers.Count) string {
	if n.More {
		return number(n.N) + " or more"
	}
	return number(n.N)
}

func percent(part, whole int64) int64 {
	if whole <= 0 {
		return 0
	}
	return part * 100 / whole
}

// pair is what a template hands to another: a name, and where to look it up.
type pair struct {
	Key string
	Map map[string]string
}

func newPair(key string, in map[string]string) pair { return pair{Key: key, Map: in} }

func hasKey(in map[string]string, key string) bool {
	_, ok := in[key]
	return ok
}

func scopeTone(s handlers.Scope) string {
	switch {
	case s.Granted && s.WasWanted:
		return "good"
	case s.Granted:
		return "calm"
	case s.Required:
		return "bad"
	}
	return "warn"
}

func limitWord(name string) string {
	switch name {
	case "daily":
		return "Calls of a day, by everybody"
	case "app_daily":
		return "Calls of a day, by this service's app"
	case "burst":
		return "Calls of ten seconds"
	}
	return name
}

// callTone is the colour of an answer's status; 0: there was none.
func callTone(status int) string {
	switch {
	case status == 0 || status >= http.StatusInternalServerError:
		return "warn"
	case status >= http.StatusBadRequest:
		return "bad"
	}
	return "good"
}

// sentence ends text with a full stop.
func sentence(text string) string {
	if text == "" || strings.HasSuffix(text, ".") || strings.HasSuffix(text, "?") {
		return text
	}
	return text + "."
}

// capital begins text with a capital.
func capital(text string) string {
	if text == "" {
		return ""
	}
	return strings.ToUpper(text[:1]) + text[1:]
}

func statusWord(status string) string {
	switch status {
	case "queued":
		return "Queued"
	case "sending":
		return "Sending"
	case "in_doubt":
		return "In doubt"
	case "reconciling":
		return "Being looked for"
	case "needs_review":
		return "Needs review"
	}
	return capital(status)
}

func healthWord(health string) string {
	switch health {
	case "writing":
		return "Writing"
	case "trouble":
		return "Writing with trouble"
	case "paused":
		return "Paused"
	case "error":
		return "In error"
	case "pending_claim":
		return "Waits to be claimed"
	}
	return statusWord(health)
}

// tone is the colour and sign of a status or health: good, warn, bad or calm.
func tone(of string) string {
	switch of {
	case "writing", "succeeded", "enforced", "delivered":
		return "good"
	case "trouble", "paused", "in_doubt", "reconciling", "needs_review", "blocked", "search":
		return "warn"
	case "error", "failed", "none":
		return "bad"
	}
	return "calm"
}
