package hubspot

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"crm-connectors/connectors"
	"crm-connectors/connectors/connectorstest"
)

func FuzzAnswersOfHubSpot(f *testing.F) {
	found := `200` + "\n" + `{"total":1,"results":[{"id":"501","properties":{"email":"ada@example.com","hs_createdate":"2026-11-23T10:00:00Z"},"associations":{"contacts":{"results":[{"id":"501"}]}}}],"paging":{"next":{"after":"1"}}}`
	made := `201` + "\n" + `{"id":"502","properties":{"email":"ada@example.com"},"createdAt":"2026-11-23T10:00:00Z"}`
	connectorstest.FuzzAnswers(f, []string{
		connectorstest.Script("200\n{\"total\":0,\"results\":[]}", made, made), connectorstest.Script(found, "200\n{\"id\":501}", found, made),
		connectorstest.Script("409\n"+`{"category":"CONFLICT","message":"Contact already exists. Existing ID: 501"}`, found),
		connectorstest.Script("207\n"+`{"status":"COMPLETE","results":[{"id":"7","objectWriteTraceId":"0"}],"errors":[{"category":"VALIDATION_ERROR","context":{"objectWriteTraceId":["1"]}}]}`, made),
		connectorstest.Script("429\n"+`{"policyName":"SECONDLY","message":"m"}`, found), connectorstest.Script("201\n{", "cut", "500\n<html>", "200\nnull", "200\n[]", "200\n{}"),
		connectorstest.Script("200\n"+`{"access_token":"a","refresh_token":"r","expires_in":1800,"hub_id":4242}`, "200\n"+`{"active":true,"hub_domain":"d","scopes":["s"]}`, "400\n"+`{"status":"BAD_REFRESH_TOKEN"}`),
		connectorstest.Script("200\n"+`{"results":[{"name":"outcome_marker","hasUniqueValue":true,"createdAt":"2026-11-23T10:00:00Z"}]}`, "200\n"+`{"results":[{"category":"HUBSPOT_DEFINED","typeId":204,"label":null}]}`, made),
	}, func(doer connectors.Doer) (connectors.Connector, connectors.Account, error) {
		c, err := New(Config{HTTP: doer, Now: newClock().now})
		return c, connectors.Account{ID: "4242", AccessToken: connectors.NewSecret("access"), RefreshToken: connectors.NewSecret("refresh"),
			App: connectors.App{ClientID: "client", ClientSecret: connectors.NewSecret("not-a-secret"), RedirectURL: "https://app.example.com/callback"}}, err
	})
}

func FuzzHubSpotsLimits(f *testing.F) {
	for _, pair := range [][2]string{{"100", "40"}, {"190", "-1"}, {"0", "0"}, {"9223372036854775807", "1"}, {" 5", "5"}, {"10", "11"}, {"-5", "-9"}} {
		f.Add(pair[0], pair[1])
	}
	f.Fuzz(func(t *testing.T, most, left string) {
		h := http.Header{}
		for _, kind := range []string{"", "-Daily"} {
			h.Set("X-HubSpot-RateLimit"+map[string]string{"": "-Max", "-Daily": "-Daily"}[kind], most)
			h.Set("X-HubSpot-RateLimit"+kind+"-Remaining", left)
		}
		for _, l := range limitsIn(connectors.Reply{Header: h}) {
			if l.Max <= 0 || l.Used < 0 || l.Used > l.Max {
				t.Errorf("%q with %q left is %+v", most, left, l)
			}
		}
	})
}

func FuzzAMarkerIsAWholeWordOfItsText(f *testing.F) {
	marker := strings.Repeat("ab2", 9)[:26]
	for _, said := range []string{"", reference(marker), "x" + marker, marker + "7", "<p>" + marker + "</p>", marker + marker, "\xff" + marker} {
		f.Add(said)
	}
	a := activities()[0]
	f.Fuzz(func(t *testing.T, said string) {
		r := record{Properties: map[string]text{a.text: text(said)}}
		if a.bears(r, marker) && !strings.Contains(said, marker) {
			t.Errorf("%q does not hold the marker", said)
		}
		r.Properties[a.text] = text(said + reference(marker))
		if !a.bears(r, marker) {
			t.Errorf("%q with the marker below it does not bear it", said)
		}
		if other := strings.Repeat("zy3", 9)[:26]; !strings.Contains(said, other) && a.bears(r, other) {
			t.Errorf("%q bears another marker", said)
		}
		r.Properties[a.text] = text(fmt.Sprintf("%s%s%s", "x", marker, "y"))
		if a.bears(r, marker) {
			t.Error("a part of a longer word is no marker")
		}
	})
}
