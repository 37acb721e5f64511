package handlers_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"crm-connectors/api"
	"crm-connectors/store"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// sealedText is one that lies in the database, and where.
type sealedText struct{ column, text string }

// sealedTexts are all of them, by the catalogue of the database.
func (d *desk) sealedTexts() []sealedText {
	d.t.Helper()
	var all []sealedText
	for _, column := range d.texts(`select table_name || '.' || column_name from information_schema.columns
		where table_schema = 'public' and column_name like '%\_ciphertext' order by 1`) {
		table, name, _ := strings.Cut(column, ".")
		texts := d.texts(`select ` + name + ` from ` + table + ` where ` + name + ` <> '' order by 1`)
		if len(texts) == 0 {
			d.t.Fatalf("nothing is sealed in %s: what would be moved from there?", column)
		}
		for _, text := range texts {
			all = append(all, sealedText{column, text})
		}
	}
	return all
}

func (d *desk) texts(sql string, args ...any) []string {
	d.t.Helper()
	rows, err := d.pool.Query(d.t.Context(), sql, args...)
	if err != nil {
		d.t.Fatal(err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		d.t.Fatal(err)
	}
	return all
}

// robbed has something sealed in every column, of a workspace with both CRMs, apps of its own, flows in every stage and an install, for an
// attacker who can write to the database and whose workspace is the desk's.
func robbed(t *testing.T) *desk {
	d := open(t, stopped)
	victim := d.person("vera@example.com")
	for _, crm := range crms() {
		d.connect(crm)
		victim.open(d.atCRM(victim.begin(crm, d.url), "allow").String()).backAtApp()
		victim.begin(crm, d.url)
		asked(t, victim.open(d.atCRM(victim.begin(crm, appBase), "allow").String()))
		d.exec(`update crm_connections set account_id = 'former' where workspace_id = $1`, victim.workspace)
		asked(t, victim.open(d.atCRM(victim.begin(crm, d.url), "allow").String()))
		decode[api.App](d.call(http.MethodPut, "/apps/"+crm, fields{"workspace_id": victim.workspace, "client_id": ownClient, "client_secret": ownSecret()}), http.StatusOK)
		d.install(crm)
		d.begin(crm, "workspace_id", nil)
	}
	hook := d.listen(fields{"url": "https://hooks.example.com", "events": []string{"write.failed"}, "workspace_id": victim.workspace})
	decode[api.NotificationEndpointCreated](d.call(http.MethodPost, "/notification-endpoints/"+hook.Endpoint.Id.String()+"/secret", nil), http.StatusOK)
	sealed, err := d.keys.Seal(strings.Repeat("0f", 32), "crm_secrets", "marker")
	if err != nil {
		t.Fatal(err)
	}
	d.exec(`insert into crm_secrets (name, value_ciphertext) values ('marker', $1)`, sealed)
	return d
}

// install makes one that waits to be claimed, and gives its id.
func (d *desk) install(crm string) string {
	d.t.Helper()
	id := d.visit(d.atCRM(d.begin(crm, "workspace_id", nil), "allow").String()).backAtApp().Query().Get("install_id")
	if id == "" {
		d.t.Fatalf("installing from %s gave no id", crm)
	}
	return id
}

// moves are where a sealed text can be moved to: each makes a place of the attacker's, moves the text there, has the service use it, and says how
// it was refused; empty: it was not.
func (d *desk) moves() map[string]func(crm, text string) string {
	person := d.person("mallory@evil.example", d.workspace)
	mine := `where workspace_id = '` + d.workspace.String() + `' and crm = $2`
	plan := func(column string) func(crm, text string) string {
		return func(crm, text string) string {
			was := d.texts(`select ` + column + ` from crm_connections where workspace_id = '` + d.workspace.String() + `' and crm = '` + crm + `'`)[0]
			d.exec(`update crm_connections set `+column+` = $1 `+mine, text, crm)
			defer d.exec(`update crm_connections set `+column+` = $1 `+mine, was, crm)
			return d.call(http.MethodPost, "/sync/"+crm+"?dry_run=true", d.whole("e-1")).saidCode()
		}
	}
	claim := func(column string) func(crm, text string) string {
		return func(crm, text string) string {
			id := d.install(crm)
			d.exec(`update crm_connections c set `+column+` = $1 from pending_installs p where p.connection_id = c.id and p.id = $2`, text, id)
			user := uuid.NewString()
			d.exec(`insert into workspace_members (workspace_id, user_id) values ($1, $2)`, d.workspace, user)
			return d.call(http.MethodPost, "/claim-install", fields{"install_id": id, "workspace_id": d.workspace, "user_id": user}).saidCode()
		}
	}
	page := func(column string, asks func(crm string) reply) func(crm, text string) string {
		return func(crm, text string) string {
			r := asks(crm)
			d.exec(`update oauth_states set `+column+` = $1 `+mine+` and stage <> 'callback'`, text, crm)
			return d.answer(r, "allow").saidCode()
		}
	}
	hook := d.listen(fields{"url": "https://evil.example", "events": []string{"write.failed"}, "workspace_id": d.workspace}).Endpoint.Id
	signs := func(column string) func(crm, text string) string {
		return func(_, text string) string {
			d.exec(`update crm_notification_endpoints set `+column+` = $1, former_until = now() + interval '1 hour' where id = $2`, text, hook)
			e, err := d.store.Endpoint(d.t.Context(), hook)
			if err != nil {
				d.t.Fatal(err)
			}
			if _, err = d.store.EndpointSecrets(e, time.Now()); errors.Is(err, store.ErrUnreadable) {
				decode[api.NotificationEndpointCreated](d.call(http.MethodPost, "/notification-endpoints/"+hook.String()+"/secret", nil), http.StatusOK) // mends it
				return "it signs nothing"
			}
			return ""
		}
	}
	confirm := func(crm string) reply { return person.open(d.atCRM(person.begin(crm, appBase), "allow").String()) }
	replace := func(crm string) reply {
		d.exec(`update crm_connections set account_id = 'former' `+`where workspace_id = $1 and crm = $2`, d.workspace, crm)
		return person.open(d.atCRM(person.begin(crm, d.url), "allow").String())
	}
	return map[string]func(crm, text string) string{
		"crm_connections.access_token_ciphertext":           plan("access_token_ciphertext"),
		"crm_connections.refresh_token_ciphertext":          plan("refresh_token_ciphertext"),
		"crm_connections.access_token_ciphertext, install":  claim("access_token_ciphertext"),
		"crm_connections.refresh_token_ciphertext, install": claim("refresh_token_ciphertext"),
		"oauth_states.code_ciphertext":                      page("code_ciphertext", confirm),
		"oauth_states.verifier_ciphertext, page":            page("verifier_ciphertext", confirm),
		"oauth_states.grant_ciphertext":                     page("grant_ciphertext", replace),
		"oauth_states.verifier_ciphertext": func(crm, text string) string {
			back := d.atCRM(person.begin(crm, d.url), "allow").String()
			d.exec(`update oauth_states set verifier_ciphertext = $1 `+mine, text, crm)
			return person.open(back).saidCode()
		},
		"crm_apps.client_secret_ciphertext": func(crm, text string) string {
			decode[api.App](d.putApp(crm, ownClient, ownSecret()), http.StatusOK)
			d.exec(`update crm_apps set client_secret_ciphertext = $1 `+mine, text, crm)
			defer d.exec(`delete from crm_apps where workspace_id = $1`, d.workspace)
			return d.call(http.MethodPost, "/"+crm+"-oauth-start", fields{"workspace_id": d.workspace}).saidCode()
		},
		"crm_notification_endpoints.secret_ciphertext":        signs("secret_ciphertext"),
		"crm_notification_endpoints.former_secret_ciphertext": signs("former_secret_ciphertext"),
		"crm_secrets.value_ciphertext": func(crm, text string) string {
			was := d.texts(`select value_ciphertext from crm_secrets`)[0]
			d.exec(`update crm_secrets set value_ciphertext = $1`, text)
			defer d.exec(`update crm_secrets set value_ciphertext = $1`, was)
			return d.call(http.MethodPost, "/sync/"+crm, d.whole("e-2")).saidCode()
		},
	}
}

// saidCode is the stable code of a refusal, with that of its cause where there is one; empty: it was none.
func (r reply) saidCode() string {
	if r.status < http.StatusBadRequest {
		return ""
	}
	code := r.header.Get("sb-error-code")
	if strings.Contains(r.header.Get("Content-Type"), "json") {
		if cause, ok := decode[api.ErrorEnvelope](r, r.status).Details["cause_code"]; ok {
			code += " " + fmt.Sprint(cause)
		}
	}
	return code
}

func TestThreat10_WhatIsSealedOpensInNoOtherPlace(t *testing.T) {
	t.Parallel()
	d := robbed(t)
	refusals := map[string]string{ // what the service says of each place
		"crm_connections.access_token_ciphertext":             "crm_refused tokens_unreadable",
		"crm_connections.refresh_token_ciphertext":            "crm_refused tokens_unreadable",
		"crm_connections.access_token_ciphertext, install":    "install_expired",
		"crm_connections.refresh_token_ciphertext, install":   "install_expired",
		"oauth_states.code_ciphertext":                        "oauth_state_invalid",
		"oauth_states.verifier_ciphertext":                    "oauth_state_invalid",
		"oauth_states.verifier_ciphertext, page":              "oauth_state_invalid",
		"oauth_states.grant_ciphertext":                       "oauth_state_invalid",
		"crm_apps.client_secret_ciphertext":                   "crm_not_configured app_secret_unreadable",
		"crm_secrets.value_ciphertext":                        "EDGE_FUNCTION_ERROR",
		"crm_notification_endpoints.secret_ciphertext":        "it signs nothing",
		"crm_notification_endpoints.former_secret_ciphertext": "it signs nothing",
	}
	there := d.sealedTexts()
	moves := d.moves()
	for _, s := range there {
		if moves[s.column] == nil {
			t.Errorf("nobody moves anything to %s", s.column)
		}
	}
	moved, opened := 0, 0
	for place, move := range moves {
		column, _, _ := strings.Cut(place, ",")
		for _, crm := range crms() {
			own := d.texts(`select coalesce((select access_token_ciphertext from crm_connections where workspace_id = '` + d.workspace.String() + `' and crm = '` + crm + `'), '')
				union all select coalesce((select refresh_token_ciphertext from crm_connections where workspace_id = '` + d.workspace.String() + `' and crm = '` + crm + `'), '')`)
			for _, s := range there {
				// What lies there already, or is everybody's, is not moved.
				if s.column == column && (slices.Contains(own, s.text) && place == column || column == "crm_secrets.value_ciphertext") {
					continue
				}
				before := d.oauthCalls(crm, "/token")
				if strings.HasSuffix(place, ", install") || place == "oauth_states.grant_ciphertext" {
					before++ // its own exchange, before anything is moved
				}
				moved++
				if said := move(crm, s.text); said != refusals[place] {
					opened++
					t.Errorf("a text of %s in %s of %s: the service said %q, want %q", s.column, place, crm, said, refusals[place])
				}
				if after := d.oauthCalls(crm, "/token"); after > before {
					t.Errorf("a text of %s in %s of %s: it went to a token endpoint", s.column, place, crm)
				}
			}
		}
	}
	t.Logf("%d texts were moved, %d of them opened or were refused otherwise", moved, opened)
	if moved < 300 {
		t.Errorf("only %d texts were moved", moved)
	}
	for _, crm := range crms() { // in its own place everything opens
		d.exec(`update crm_connections set account_id = case crm when 'hubspot' then '4242001' else $2 end where workspace_id = $1`, d.workspace, d.org.OrgID())
		plans(d, "/sync/"+crm+"?dry_run=true", d.whole("e-1"))
	}
}

func TestThreat10_AConnectionWithAMovedTokenWaitsAndSaysWhyAndItsCRMIsNotCalled(t *testing.T) {
	t.Parallel()
	d := robbed(t)
	for _, crm := range crms() {
		d.exec(`update crm_connections c set access_token_ciphertext = o.access_token_ciphertext, refresh_token_ciphertext = o.refresh_token_ciphertext, capabilities_at = null
			from crm_connections o where c.workspace_id = $1 and c.crm = $2 and o.crm = $2 and o.workspace_id <> $1 and o.status = 'connected'`, d.workspace, crm)
	}
	d.exec(`update crm_connections set status = 'disconnected' where workspace_id <> $1`, d.workspace)
	before := [2]int{d.hub.Core().Calls.API(), d.org.Core().Calls.API()}
	a := decode[api.SyncAccepted](d.call(http.MethodPost, "/sync", d.outcome("e-1", contact("ada@example.com"))), http.StatusAccepted)
	d.start()
	for _, crm := range crms() {
		d.eventually(crm+" says why it waits", func() bool { return d.listed(crm).LastError != nil })
		c := d.listed(crm)
		if c.LastError.Code != "tokens_unreadable" || c.LastError.Action == "" || c.Status != api.ConnectionStatusConnected || c.PausedUntil == nil || time.Until(*c.PausedUntil) < time.Minute {
			t.Errorf("%s: %+v, %+v", crm, c, c.LastError)
		}
	}
	for _, w := range a.Writes {
		if w := d.write(w.Id); w.Status != api.WriteStatusQueued {
			t.Errorf("the %s in %s is %s", w.ObjectType, w.Crm, w.Status)
		}
	}
	if after := [2]int{d.hub.Core().Calls.API(), d.org.Core().Calls.API()}; after != before {
		t.Errorf("the CRMs were called: %v, then %v", before, after)
	}
}
