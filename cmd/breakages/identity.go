package main

// identity: items 6 to 15, who calls and what they may reach.
func identity() []breakage {
	return []breakage{
		{item: "06", broken: "a request without credentials is answered with the code for a bad key",
			edits: in("api/auth.go", "return &Error{Code: CodeNoAuthHeader}", "return &Error{Code: CodeInvalidAPIKey}")},
		{item: "07", broken: "the algorithm of a token does not choose the code",
			edits: in("api/tokens.go", `case algorithm == "HS256":`, `case algorithm != "":`)},
		{item: "07", broken: "a token without an end is taken",
			edits: in("api/tokens.go", "jwt.WithExpirationRequired(), ", "")},
		{item: "08", broken: "a token that is signed with a public key as the secret is taken", edits: publicKeyAsSecret()},
		{item: "08", broken: "a token without a person is taken",
			edits: in("api/tokens.go", `case c.Subject == "" || c.Role`, `case c.Role`)},
		{item: "08", broken: "the issuer is not compared",
			edits: in("api/tokens.go", "c.Issuer != t.rules.Issuer:", "false:")},
		{item: "08", broken: "the audience is not compared",
			edits: in("api/tokens.go", "!c.audience(t.rules.Audience):", "false:")},
		{item: "08", broken: "a key set that is a bare list is refused",
			edits: in("api/keyset.go", "text[0] == '['", "text[0] == '('")},
		{item: "09", broken: "an unknown key id fetches without a cool-down",
			edits: in("api/keyset.go", "rate.Every(keySetCoolDown)", "rate.Every(time.Millisecond)")},
		{item: "09", broken: "a failed fetch forgets the keys",
			edits: in("api/keyset.go", "RefreshErrorHandler: func(_ context.Context, err error) {",
				"RefreshErrorHandler: func(ctx context.Context, err error) {\n\t\t\t_ = loaded.KeyReplaceAll(ctx, nil)")},
		{item: "09", broken: "a set that was never fetched is taken for one without the key",
			edits: in("api/keyset.go", "return nil, errNoKeys", "return nil, err")},
		{item: "10", broken: "only the key named default is known",
			edits: in("api/auth.go", "s.add(name, key)\n\t}", "if name == \"default\" {\n\t\t\ts.add(name, key)\n\t\t}\n\t}")},
		{item: "10", broken: "a bearer that is an API key is judged as a token",
			edits: in("api/auth.go", "if !isAPIKey(bearer) {", "if !isAPIKey(bearer) || true {")},
		{item: "11", broken: "the anon key counts as a person because its signature is good",
			edits: in("api/tokens.go", `case c.Subject == "" || c.Role == "anon" || c.Role == "service_role":`, "case false:")},
		{item: "11", broken: "the service_role key counts as nobody", edits: serviceRoleIsNobody()},
		{item: "12", broken: "a bad token falls through to the key beside it",
			edits: in("api/auth.go", "return c.Tokens.verify(r.Context(), bearer)",
				"if caller, err := c.Tokens.verify(r.Context(), bearer); err == nil {\n\t\t\t\treturn caller, nil\n\t\t\t}")},
		{item: "13", broken: "membership of the workspace is not asked",
			edits: in("api/access.go", "} else if !yes {", "} else if !yes && false {")},
		{item: "13", broken: "user_metadata, which people edit themselves, names workspaces",
			edits: in("api/tokens.go", "`json:\"app_metadata\"`", "`json:\"user_metadata\"`")},
		{item: "13", broken: "a record of another workspace is shown to whoever knows its id",
			edits: in("handlers/installs.go", "\tif !yes {\n\t\treturn missing", "\tif !yes && false {\n\t\treturn missing")},
		{item: "14", broken: "sb-api-key, which a gateway sets, counts as a credential",
			edits: in("api/auth.go", "\tif bearer != \"\" {\n\t\tif caller", "\tif bearer == \"\" {\n\t\tbearer = r.Header.Get(\"sb-api-key\")\n\t}\n\tif bearer != \"\" {\n\t\tif caller")},
		{item: "14", broken: "a callback needs credentials",
			edits: in("api/access.go", "back := rule{open: true}", "back := rule{members: true}")},
		{item: "15", broken: "a service without keys starts",
			edits: in("cmd/crm-connectors/checker.go", "if len(keys) == 0 {", "if len(keys) == 0 && false {")},
		{item: "15", broken: "keys that are no JSON are passed over",
			edits: in("cmd/crm-connectors/checker.go", "&named); err != nil || len(named) == 0 {", "&named); err == nil && len(named) == 0 {")},
		{item: "15", broken: "a key set is fetched without TLS",
			edits: in("cmd/crm-connectors/checktokens.go", `u.Scheme == "http" && isLoopback(u)`, `u.Scheme == "http"`)},
	}
}

func serviceRoleIsNobody() []edit {
	return in("api/tokens.go", `if c.Role == "service_role" && c.Subject == "" {`, `if c.Role == "service_role" && c.Subject == "" && false {`)
}

// publicKeyAsSecret makes the classical mistake: one look-up of keys for every algorithm.
func publicKeyAsSecret() []edit {
	return in("api/tokens.go", "func(*jwt.Token) (any, error) { return t.rules.Secret, nil }", `func(token *jwt.Token) (any, error) {
		if _, named := token.Header["kid"]; named && t.rules.Keys != nil {
			all, _ := t.rules.Keys.keys.Storage().KeyReadAll(context.Background())
			for _, one := range all {
				if public, ok := one.Key().(interface{ Bytes() ([]byte, error) }); ok {
					return public.Bytes()
				}
			}
		}
		return t.rules.Secret, nil
	}`)
}
