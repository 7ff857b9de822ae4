// The page's side of the lifecycle: report through the SDK, and change when the visitor's stage does.
"use strict";

const page = JSON.parse(document.getElementById("page").textContent);

const quiet = matchMedia("(prefers-reduced-motion: reduce)");

const analytics = AnalyticsNext.AnalyticsBrowser.load({
  writeKey: page.writeKey,
  cdnSettings: {
    // Settings that the vendor's CDN would give: everything goes to the gateway, and nothing to the vendor.
    integrations: { "Segment.io": { apiKey: page.writeKey, apiHost: `${page.gateway}/v1`, protocol: page.protocol } },
    metrics: { sampleRate: 0 },
  },
});

async function report() {
  const user = await analytics.user();
  const before = user.id();
  if (before && before !== page.user) await analytics.reset(); // logged out, or somebody else: a new browser id
  if (page.user && (before !== page.user || Object.keys(page.traits).length)) {
    analytics.identify(page.user, page.traits);
  } else if (Object.keys(page.traits).length) {
    analytics.identify(page.traits);
  }
  analytics.page(page.name);
  for (const each of page.reports) analytics.track(each.event, each.properties);
  (await analytics.user()).anonymousId(); // from here on the cookie stands that tells the shop which browser this is
  listen();
}

function listen() {
  const changes = new EventSource(`/stage?shown=${encodeURIComponent(page.mark)}`);
  changes.onmessage = show;
  addEventListener("pagehide", () => changes.close());
}

// The same page, made for the new stage: what depends on the stage is exchanged, what somebody is typing stays.
async function show() {
  const answer = await fetch(location.href, { headers: { "X-Again": "1" } });
  const made = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const part of made.querySelectorAll("[data-live]")) {
    const shown = document.getElementById(part.id);
    if (!shown || (shown.innerHTML === part.innerHTML && shown.dataset.stage === part.dataset.stage)) continue;
    shown.className = part.className;
    Object.assign(shown.dataset, part.dataset);
    shown.replaceChildren(...part.childNodes); // the region stays, so that screen readers announce what is new in it
    shown.animate?.([{ opacity: 0.2 }, { opacity: 1 }], quiet.matches ? 0 : 500);
  }
}

report();
