package main

// routing: items 1 to 5, which function answers and what a browser may read of it.
func routing() []breakage {
	return []breakage{
		{item: "01", broken: "a slash at the end of a path is kept",
			edits: in("api/route.go", `u.Path = "/" + strings.Trim(u.Path, "/")`, `u.Path = "/" + strings.TrimLeft(u.Path, "/")`)},
		{item: "01", broken: "the prefix /functions/v1 is not taken off",
			edits: in("api/route.go", "u.Path = rest\n", "_ = rest\n")},
		{item: "02", broken: "a wrong method is a path that does not exist",
			edits: in("api/route.go", "if len(allowed) == 0 {", "if len(allowed) >= 0 {")},
		{item: "02", broken: "a 405 has no header Allow",
			edits: in("api/route.go", `w.Header().Set("Allow", strings.Join(append(allowed, http.MethodOptions), ", "))`, "_ = allowed")},
		{item: "03", broken: "the edge runtime's own probe is not known",
			edits: in("api/health.go", `case "/_internal/health":`, `case "/_internal/probe":`)},
		{item: "04", broken: "a preflight has to prove itself", edits: preflightNeedsKey()},
		{item: "04", broken: "the header x-region, which the SDK sends, is not allowed", edits: regionNotAllowed()},
		{item: "05", broken: "the headers of CORS come after the search for the route",
			edits: []edit{{In: "api/router.go", Old: "\t\tcors(cfg.Origins),\n", New: ""},
				{In: "api/router.go", Old: "findRoute(p, mux, v.spec),\n", New: "findRoute(p, mux, v.spec),\n\t\tcors(cfg.Origins),\n"}}},
		{item: "05", broken: "sb-error-code is not exposed to the page",
			edits: in("api/middleware.go", `corsExposed = "sb-error-code, `, `corsExposed = "`)},
	}
}

func preflightNeedsKey() []edit {
	return in("api/middleware.go", "if r.Method == http.MethodOptions {", `if r.Method == http.MethodOptions && r.Header.Get("apikey") != "" {`)
}

func regionNotAllowed() []edit {
	return in("api/middleware.go", `"x-region, idempotency-key`, `"idempotency-key`)
}
