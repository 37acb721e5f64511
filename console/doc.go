// Package console is the operator's web pages: plain HTML that is made here, embedded, and needs no other host.
//
//	request ─► headers, log, recover ─► same origin? ─► static files, sign-in
//	                                                 └► session cookie ─► page ─► handlers, as the operator ─► pages/*.html
//
// A page is a Go file with its routes and what it shows, and pages/NAME.html, which defines "main" and, where something moves, "live". A GET
// shows and changes nothing. A POST acts and then leads back (303) with ?done=WORD, whose sentence stands in notices; one that failed shows the
// page again with the problem on it (Console.failed). An element with data-live="/console/…/live" is asked for again every few seconds
// and replaced while the tab is seen; the route answers with Console.part. To add a page: its file, a line in Console.routes and in menu.
// Styles and the one script are static/; their names carry a hash of their content, and no page has any of its own, so that the
// Content-Security-Policy allows none.
package console
