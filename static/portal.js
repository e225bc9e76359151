// What pages cannot do by themselves: ask now and then whether anything has changed, say
// so when the server cannot be reached, and mark what is wrong in a form. Without this file every
// page still works by reloading.
(() => {
  "use strict";
  const SOON = 3000; // after activity, twenty times
  const LATER = 60000;
  const QUICK_ASKS = 20;
  let quick = QUICK_ASKS;
  let timer;

  const ask = () => document.body.dispatchEvent(new CustomEvent("portal:refresh"));
  const schedule = () => {
    clearTimeout(timer);
    if (!document.hidden) timer = setTimeout(tick, quick > 0 ? SOON : LATER);
  };
  const tick = () => {
    quick -= 1;
    ask();
    schedule();
  };
  const active = () => {
    const slow = quick <= 0;
    quick = QUICK_ASKS;
    if (slow) tick();
  };
  const shown = () => {
    if (document.hidden) return clearTimeout(timer);
    quick = QUICK_ASKS;
    tick();
  };

  for (const name of ["pointermove", "pointerdown", "keydown", "scroll", "focus"]) {
    window.addEventListener(name, active, { passive: true });
  }
  document.addEventListener("visibilitychange", shown);
  document.addEventListener("htmx:after:swap", () => (quick = QUICK_ASKS));

  // A form stays while its results come in: what is wrong with its fields comes beside them.
  document.addEventListener("htmx:after:swap", () => {
    const wrong = String(!document.querySelector("#problem:empty"));
    for (const field of document.querySelectorAll("[aria-describedby=problem]")) {
      field.setAttribute("aria-invalid", wrong);
    }
  });

  const flash = document.getElementById("flash");
  document.addEventListener("htmx:error", () => {
    flash.textContent = "The server cannot be reached. What you see may be out of date.";
  });
  document.addEventListener("htmx:after:request", () => flash.replaceChildren());
  schedule();
})();
