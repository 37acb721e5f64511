package main

import "slices"

// oauth: items 20 to 26, from the start of a flow to what is kept of it.
func oauth() []breakage {
	return []breakage{
		{item: "20", broken: "the start redirects to the CRM", edits: startRedirects()},
		{item: "20", broken: "the address is given under one name alone",
			edits: in("handlers/oauth.go", "HubspotOAuthStart200JSONResponse{Body: api.OAuthStart{AuthorizeUrl: link, Url: link, AuthUrl: link}", "HubspotOAuthStart200JSONResponse{Body: api.OAuthStart{AuthorizeUrl: link}")},
		{item: "21", broken: "redirect_to is put behind the app's address as it is",
			edits: in("handlers/redirect.go", "\t\tto = defaultRedirect\n\t}\n", "\t\tto = defaultRedirect\n\t}\n\tif to != \"\" {\n\t\treturn strings.TrimSuffix(r.base.String(), \"/\") + to, nil\n\t}\n")},
		{item: "22", broken: "a state is read and not spent", edits: stateNotSpent()},
		{item: "22", broken: "the state of a flow with another CRM is taken",
			edits: in("store/oauth_states.go", "stage = 'callback' and crm = $2 and", "stage = 'callback' and $2::text <> '' and")},
		{item: "22", broken: "a state is good for ever",
			edits: in("store/oauth_states.go", "state_hash = $1 and expires_at > now() and `+which", "state_hash = $1 and `+which")},
		{item: "23", broken: "the parameter is put behind the page with a second question mark",
			edits: in("handlers/redirect.go", "\tu.RawQuery = q.Encode()\n\treturn u.String()", "\treturn address + \"?\" + q.Encode()")},
		{item: "23", broken: "a callback may be kept by caches",
			edits: in("api/middleware.go", `h.Set("Cache-Control", "no-store")`, "_ = h")},
		{item: "24", broken: "a refusal is answered with a text",
			edits: in("handlers/oauth.go", "return next{address: refusedBack(connector, st, crm, q)}, nil", `return next{}, fail(api.CodeOAuthProviderError, "", nil)`)},
		{item: "24", broken: "a refusal leaves the state unspent", edits: stateNotSpent()},
		{item: "25", broken: "a claim does not lock the install",
			edits: in("store/installs.go", "from pending_installs where id = $1 for update`", "from pending_installs where id = $1`")},
		{item: "25", broken: "a service's word for a person is believed",
			edits: in("handlers/installs.go", "} else if !yes {", "} else if !yes && false {")},
		{item: "25", broken: "a person claims in the name of whomever the body says",
			edits: in("handlers/installs.go", "if caller.Kind == api.CallerService {", "if caller.Kind == api.CallerService || r.Body.UserId != nil {")},
		{item: "25", broken: "an install waits for ever",
			edits: in("store/installs.go", `case status != "pending" || late || connection == nil:`, `case status != "pending" || connection == nil:`)},
		{item: "26", broken: "tokens are stored as they are",
			edits: slices.Concat(in("store/seal.go", "return base64.StdEncoding.EncodeToString(sealed), nil", "_ = sealed\n\treturn plain, nil"),
				in("store/seal.go", `return "", fmt.Errorf("open: not base64: %w", ErrUnreadable)`, "return sealed, nil"))},
		{item: "26", broken: "a token is logged when its connection is made",
			edits: in("handlers/oauth.go", `Bool("own_app", g.AppClientID != "").Msg("connected")`, `Str("token", g.AccessToken).Msg("connected")`)},
	}
}

func startRedirects() []edit {
	const start = "func (response HubspotOAuthStart200JSONResponse) VisitHubspotOAuthStartResponse(w http.ResponseWriter) error {\n"
	return in("api/api.gen.go", start, start+"\tw.Header().Set(\"Location\", response.Body.AuthorizeUrl)\n\tw.WriteHeader(http.StatusFound)\n\tif w != nil {\n\t\treturn nil\n\t}\n")
}

func stateNotSpent() []edit {
	const which = "from oauth_states where state_hash = $1 and expires_at > now() and `+which"
	return in("store/oauth_states.go", "delete "+which+"+` returning `+oauthStateColumns", "select `+oauthStateColumns+` "+which)
}
