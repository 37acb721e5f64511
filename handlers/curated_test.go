package handlers

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	"crm-connectors/api"
)

// encoded is what an attachment of n bytes looks like in a message, in lines of 76 characters or in one.
func encoded(n int, newline string) string {
	raw := make([]byte, n)
	for i := range raw {
		raw[i] = byte(i*i*31 + i>>3)
	}
	text := base64.StdEncoding.EncodeToString(raw)
	if newline == "" {
		return text
	}
	var b strings.Builder
	for len(text) > 76 {
		b.WriteString(text[:76] + newline)
		text = text[76:]
	}
	return b.String() + text
}

func TestRawEmailIsRecognised(t *testing.T) {
	t.Parallel()
	crlf := func(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }
	for name, text := range map[string]string{
		"a MIME message":             "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=\"x1\"\n\n--x1\nContent-Type: text/plain\n\nHello",
		"a part without its head":    "--x1\nContent-Type: multipart/alternative; boundary=x2\n\n--x2\nHello",
		"transfer headers":           "Received: from mail.example.com by mx.example.com; Mon, 23 Nov 2026\nMessage-ID: <a1@example.com>\nHello",
		"received by an address":     "Received: by 2002:a05:6402:1 with SMTP id x1\nDKIM-Signature: v=1; a=rsa-sha256\n",
		"threading headers":          "In-Reply-To: <a1@example.com>\nReferences: <a0@example.com> <a1@example.com>\nSounds good.",
		"a mailer and a subject":     "X-Mailer: Example 1.0\nSubject: Offer\n\nHello",
		"indented headers":           "  Return-Path: <ada@example.com>\n  Subject: Offer\n  Hello",
		"English headers":            "From: Ada Example <ada@example.com>\nTo: sales@example.com\nSubject: Offer\n\nHello",
		"English headers, CRLF":      crlf("Notes\n\nFrom: Ada\nSent: Monday, November 23, 2026 9:00 AM\nTo: Sales\nSubject: Offer\n\nHello"),
		"headers in lower case":      "from: ada@example.com\ncc: sales@example.com\ndate: 3 may 2027",
		"bold headers":               "*From:* Ada\n*Sent:* Monday\n*To:* Sales\n*Subject:* Offer\n\nHello",
		"markdown headers":           "**From:** Ada\n**To:** Sales\n**Subject:** Offer",
		"German headers":             "Von: Ada Beispiel\nGesendet: Montag, 23. November 2026 09:00\nAn: Vertrieb\nBetreff: Angebot\n\nGuten Tag",
		"German headers, CRLF":       crlf("Von: Ada\nDatum: Montag\nAn: Vertrieb\nBetreff: Angebot"),
		"French headers":             "De : Ada Martin\nEnvoyé : lundi 23 novembre 2026 09:00\nÀ : Ventes\nObjet : Offre\n\nBonjour",
		"French headers, fixed gap":  "De\u00a0: Ada\nÀ\u00a0: Ventes\nObjet\u00a0: Offre",
		"Spanish headers":            "De: Ada\nEnviado: lunes\nPara: Ventas\nAsunto: Oferta",
		"an Outlook original":        "See below.\n-----Original Message-----\nanything",
		"a Gmail forward":            "---------- Forwarded message ---------\nanything",
		"a German original":          "-----Ursprüngliche Nachricht-----\nHallo",
		"a German forward":           "---------- Weitergeleitete Nachricht ---------\nHallo",
		"a French original":          "-----Message d'origine-----\nBonjour",
		"a French original, curly":   "-----Message d’origine-----\nBonjour",
		"an Apple forward":           "Begin forwarded message:\n\nHello",
		"a quoted original":          "> -----Original Message-----\n> Hello",
		"an English reply":           "Sounds good.\n\nOn Mon, Nov 23, 2026 at 9:00 AM Ada Example <ada@example.com> wrote:\n> Shall we meet?",
		"an English reply, CRLF":     crlf("Sounds good.\n\nOn Mon, Nov 23, 2026 at 9:00 AM Ada Example wrote:\n> Shall we meet?\n"),
		"a reply with a broken line": "Sounds good.\n\nOn Mon, Nov 23, 2026 at 9:00 AM Ada Example <ada@example.com>\nwrote:\n\n> Shall we meet?",
		"a German reply":             "Passt.\n\nAm 23.11.2026 um 09:00 schrieb Ada Beispiel <ada@example.com>:\n> Treffen wir uns?",
		"a French reply":             "D'accord.\n\nLe lun. 23 nov. 2026 à 09:00, Ada Martin a écrit\u00a0:\n> On se voit ?",
		"a Spanish reply":            "Vale.\n\nEl lun, 23 nov 2026 a las 9:00, Ada Ejemplo escribió:\n> ¿Nos vemos?",
		"four quoted lines":          "Agreed.\n> one\n> two\n> three\n> four",
		"nested quotes":              ">> one\n>> two\n> three\n> four",
		"a base64 block":             "The offer:\n" + encoded(400, "\n"),
		"a base64 block, CRLF":       "The offer:\r\n" + encoded(400, "\r\n") + "\r\nEnd",
		"base64 in one line":         "The offer: " + encoded(400, "") + " end",
		"base64 as a data address":   "data:image/png;base64," + encoded(600, ""),
		"an HTML document":           "<!DOCTYPE html>\n<html><body><p>Hello</p></body></html>",
		"HTML without a doctype":     "<HTML lang=en>Hello</HTML>",
		"a body alone":               "<body style=\"margin:0\"><p>Hello</p>",
		"an HTML layout":             "<table><tr><td>One</td><td>Two</td></tr></table><div>Three</div><span>Four</span>",
	} {
		if rawReason(text) == "" {
			t.Errorf("%s is taken for curated text:\n%s", name, text)
		}
	}
}

func TestAPersonsProseIsNotTakenForEmail(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"nothing":                "",
		"a sentence":             "Send the revised offer to Ada by Friday.",
		"one line with >":        "Next steps:\n> Send the offer\n- Book the room",
		"three lines with >":     "> Offer\n> Contract\n> Kick-off",
		"comparisons":            "Budget > 10k, users < 50, discount >= 5 %.\nx > y > z",
		"opening hours":          "From: Monday to Friday\nThey are open until six.",
		"a journey":              "From: Rotterdam\nTo: Oslo\nDate: 3 December\nWeight: 400 kg",
		"two headers of a note":  "Subject: pricing\nDate: 3 December\n\nThey want yearly billing.",
		"headers far apart":      "To: do by Friday\n\nFrom: the call with Ada\n\nDate: to be agreed\n\nSubject: licences",
		"received goods":         "Received: the signed contract\nDate: 3 December\nTo: be filed",
		"received from somebody": "Received: from Ada the signed order\nDate: 3 December",
		"references asked for":   "References: two customers in retail\nDate: by 3 December",
		"who wrote":              "On Monday Ada wrote: the budget is approved.",
		"who wrote, on a line":   "On Monday the head of purchasing wrote:\nThe budget is approved.",
		"a German remark":        "Am Montag schrieb Ada, dass das Budget steht.",
		"original in a sentence": "She asked for the original message to be archived.",
		"dashes":                 "Status\n------\nSigned\n-- Ada",
		"a heading in dashes":    "--- Summary ---\nAll agreed.",
		"prices":                 "12 × €1,250.00 = €15,000.00 (-10 % = €13,500.00)",
		"addresses":              "https://example.com/a/b?c=1&d=2#e and ada@example.com",
		"a long address":         "https://example.com/" + strings.Repeat("path/", 60) + "?q=" + strings.Repeat("x-1_", 50),
		"a long word":            "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft " + strings.Repeat("a", 500),
		"a rule of letters":      strings.Repeat(strings.Repeat("X", 70)+"\n", 4),
		"a rule of slashes":      strings.Repeat(strings.Repeat("/", 70)+"\n", 4),
		"ids":                    "Order 7f3a9c2e-1b4d-4e6f-8a90-1c2d3e4f5a6b, commit " + strings.Repeat("0123456789abcdef", 4),
		"a heart":                "The team <3 the demo; a<b and b>c.",
		"code":                   "if (a < b && c > d) { return x[\"to\"]; } // from: b",
		"a little markup":        "They said <b>yes</b> to the <i>second</i> offer.<br>Next: contract.",
		"a tag that is named":    "Their page lacks a <div> around the <span>; the <img> is broken.",
		"the head of sales":      "Ask the <head-of-sales> about the body <of work>",
		"a markdown table":       "| Item | Price |\n|------|-------|\n| Seat | 10 |\n| Desk | 20 |\n| Room | 30 |",
		"a markdown list":        "# Week 47\n\n* Offer sent\n* **Decision:** Friday\n  1. legal\n  2. security",
		"content type":           "Content-Type: they asked for PDF, not Word.",
		"Japanese":               "見積書を金曜日までに送る。担当：営業部。\n件名：契約\n宛先：本社",
		"Arabic":                 "أرسل العرض المعدل قبل يوم الجمعة.",
		"Russian":                "Отправить предложение до пятницы.\nОт: отдела продаж\nКому: клиенту",
		"Greek and emoji":        "Στείλτε την προσφορά 🎉 έως την Παρασκευή 👍🏽",
		"French prose":           "De : 10 h à 12 h\nObjet de la visite : contrat",
		"Windows lines":          "Agreed:\r\n- price\r\n- date\r\n> see offer\r\n",
		"spaces":                 strings.Repeat(" \t", 500) + "\n\n\n",
	} {
		if reason := rawReason(text); reason != "" {
			t.Errorf("%s is refused because %s:\n%s", name, reason, text)
		}
	}
}

func TestTheFieldThatIsRawEmailIsNamedAndNotRepeated(t *testing.T) {
	t.Parallel()
	raw := "-----Original Message-----\nhush-hush"
	for field, o := range map[string]api.Outcome{
		"task.subject":   {Task: &api.TaskInput{Subject: raw}},
		"task.body":      {Task: &api.TaskInput{Subject: "Fine", Body: &raw}},
		"rollup.summary": {Task: &api.TaskInput{Subject: "Fine"}, Rollup: &api.RollupInput{Summary: raw}},
	} {
		_, err := accept(o, "hubspot")
		var e *api.Error
		if !errors.As(err, &e) || e.Code != api.CodeRawContentRefused || e.Details["field"] != field || e.Details["reason"] == "" ||
			!strings.HasPrefix(e.Message, field) || strings.Contains(e.Error(), "hush-hush") {
			t.Errorf("%s: %v", field, err)
		}
	}
}

// hardTexts are long texts that come close to every rule again and again.
func hardTexts() []string {
	var out []string
	for _, piece := range []string{"a", "a1B", "On ", "on 123456 ", "\non 123456 ", "Am 1234567 schrieb ", "> ", "\n", "\r\n", "-", "--original message", "<", "<div", "<div ", "<table ",
		"From: a\n\n", "from:", "From: a\nTo: b\nx\n", "content-type: text/", "received: from a", strings.Repeat("A1b", 24) + "\nx\n", strings.Repeat("A", 79), strings.Repeat("a1B", 133) + " ",
		"\xff", "é", "\u00a0", "*From", "****", " \t"} {
		out = append(out, strings.Repeat(piece, 20_000/len(piece)))
	}
	return out
}

func TestLongTextsAreJudgedFast(t *testing.T) {
	t.Parallel()
	for _, text := range hardTexts() {
		began := time.Now()
		rawReason(text)
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("%q…: %d bytes took %s", text[:12], len(text), took)
		}
	}
}

func FuzzRawReason(f *testing.F) {
	for _, text := range append(hardTexts(), "From: a@example.com\nTo: b\nSubject: c", "<!doctype html>", "On Monday, 9:00, Ada wrote:\n> x") {
		f.Add(text[:min(len(text), 2000)])
	}
	f.Fuzz(func(t *testing.T, text string) {
		began := time.Now()
		reason := rawReason(text)
		if took := time.Since(began); took > 3*time.Second {
			t.Errorf("%d bytes took %s", len(text), took)
		}
		if reason != "" && rawReason("Notes of the call.\n\n"+text) == "" {
			t.Errorf("a line before it hides that %s", reason)
		}
	})
}
