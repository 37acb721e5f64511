// Live parts: an element with data-live is asked for again every few seconds and replaced, while the tab is seen. Without this script every
// page works as it was loaded.
(() => {
  'use strict'
  const every = 5000
  const longest = 60000

  function live(part) {
    let wait = every
    let timer = 0

    function say(text) {
      const place = part.querySelector('[data-live-state]')
      if (place) place.textContent = text
    }
    function later() {
      clearTimeout(timer)
      if (!document.hidden) timer = setTimeout(ask, wait)
    }
    async function ask() {
      try {
        const answer = await fetch(part.dataset.live, { redirect: 'error', cache: 'no-store' })
        if (answer.status === 401) {
          say('You are signed out: load the page again to sign in.')
          return
        }
        if (!answer.ok) throw new Error(String(answer.status))
        const text = await answer.text()
        wait = every
        if (part.contains(document.activeElement) || selected(part)) {
          say('Waits while you are in it.') // nobody is thrown out of a link or a text
        } else {
          part.innerHTML = text
          say('Live.')
        }
      } catch {
        wait = Math.min(wait * 2, longest)
        say('The service does not answer; this is as it was.')
      }
      later()
    }
    document.addEventListener('visibilitychange', () => (document.hidden ? clearTimeout(timer) : ask()))
    say('Live.')
    later()
  }

  function selected(part) {
    const s = document.getSelection()
    return s && !s.isCollapsed && part.contains(s.anchorNode)
  }

  document.querySelectorAll('[data-live]').forEach(live)
  // A form that goes on by itself, page after page; without this script somebody presses its button.
  document.querySelectorAll('form[data-continue]').forEach((form) => form.requestSubmit())
})()
