package console_test

import "testing"

func TestTheReferenceOfTheAPIIsReadOnEveryScreen(t *testing.T) {
	t.Parallel()
	d := open(t)
	phone, desk := screens()[1], screens()[2] // each width and each light once: axe takes its time over a page of this length
	b := d.browser(phone)
	for _, s := range []screen{phone, desk} {
		b.look(s)
		b.open("/functions/v1/docs", 0)
	}
}
