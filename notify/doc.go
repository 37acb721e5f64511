// Package notify tells others, by signed webhooks, of writes that ended badly and of connections that broke or are well again.
//
//	a write fails, a connection breaks ─► trigger ─► crm_notification_events   (one transaction; nothing where nobody asked)
//	                                                        │ a few seconds later: Gather, one message for all that happened alike
//	                                                        ▼
//	                                              crm_notifications ─► claim ─► POST, signed ─► delivered
//	                                                                     ▲            │ anything but 2xx
//	                                                                     └── later ◄──┴─► given up after ten tries
//
// The messages' table is queue and log in one, as the write log is for the CRMs: any number of replicas take different rows of it, and one that dies
// leaves a claim that runs out. So a message may arrive twice, with the same webhook-id, and messages may overtake each other; each says when it
// happened. What an endpoint missed while it failed comes together afterwards. The form is that of Standard Webhooks
// (https://www.standardwebhooks.com).
package notify
