package salesforce

import (
	"net/http"
	"testing"

	"crm-connectors/connectors"
	"crm-connectors/connectors/connectorstest"
)

func FuzzAnswersOfSalesforce(f *testing.F) {
	nobody, somebody := looked("", ""), looked(`{"Id":"00Q000000000001EAA","IsConverted":false}`, `{"Id":"003000000000001AAA"}`)
	body := func(a answer) string { return "200\n" + string(a.reply.Body) }
	made := "201\n" + `{"id":"00Q000000000001EAA","success":true,"errors":[]}`
	connectorstest.FuzzAnswers(f, []string{
		connectorstest.Script(body(nobody), made, made, made), connectorstest.Script(body(somebody), "204\n", "201\n"+`{"id":"00T000000000001AAA","success":true,"errors":[]}`),
		connectorstest.Script(body(nobody), "400\n"+`[{"errorCode":"REQUIRED_FIELD_MISSING","message":"Required fields are missing: [Company]","fields":["Company"]}]`, made),
		connectorstest.Script(body(nobody), "400\n"+`[{"errorCode":"DUPLICATES_DETECTED","message":"Use one of these records?"}]`, body(somebody), made),
		connectorstest.Script("200\n"+`{"compositeResponse":[{"referenceId":"lead","httpStatusCode":200,"body":null}]}`, "201\n{", "cut", "500\n<html>", "200\nnull", "200\n[]", "200\n{}"),
		connectorstest.Script("200\n"+`[{"id":"00T000000000001AAA","success":true,"errors":[]},{"success":false,"errors":[{"statusCode":"UNABLE_TO_LOCK_ROW","message":"m","fields":[]}]}]`, made),
		connectorstest.Script("200\n"+`{"access_token":"a","refresh_token":"r","instance_url":"https://acme.my.salesforce.com","id":"https://login.salesforce.com/id/00Dak00000OrG01EAF/005000000000001AAA"}`,
			"200\n"+`{"organization_id":"00Dak00000OrG01EAF","user_id":"005000000000001AAA"}`, "400\n"+`{"error":"invalid_grant","error_description":"expired access/refresh token"}`),
		connectorstest.Script("200\n"+`{"fields":[{"name":"Outcome_Key__c","unique":true,"externalId":true,"length":40,"createable":true}]}`, "200\n"+`{"totalSize":1,"done":false,"nextRecordsUrl":"/services/data/v66.0/query/x","records":[{"Id":"00T000000000001AAA"}]}`),
	}, func(doer connectors.Doer) (connectors.Connector, connectors.Account, error) {
		c, err := New(Config{HTTP: doer})
		return c, connectors.Account{ID: "00Dak00000OrG01EAF", InstanceURL: fakeInstance, AccessToken: connectors.NewSecret("access"), RefreshToken: connectors.NewSecret("refresh"),
			App: connectors.App{ClientID: "client", ClientSecret: connectors.NewSecret("not-a-secret"), RedirectURL: "https://app.example.com/callback"}}, err
	})
}

func FuzzSalesforcesLimits(f *testing.F) {
	for _, header := range []string{"api-usage=25/15000", "api-usage=25/15000, per-app-api-usage=17/250(appName=example)", "api-usage=1/0", "api-usage=7/5", "api-usage=99999999999999999999/1", "xapi-usage=1/2"} {
		f.Add(header)
	}
	f.Fuzz(func(t *testing.T, header string) {
		for _, l := range limitsIn(connectors.Reply{Header: http.Header{"Sforce-Limit-Info": {header}}}) {
			if l.Name == "" || l.Max < 0 || l.Used < 0 {
				t.Errorf("%q is %+v", header, l)
			}
		}
	})
}
