// `node send.mjs URL KEY COUNT`: COUNT track events and one of each other call; any error ends the process with 1.
import { Analytics } from "@segment/analytics-node";

const [url, writeKey, count] = process.argv.slice(2);
const analytics = new Analytics({ host: url, writeKey, flushAt: 50 });
const errors = [];
analytics.on("error", (error) => errors.push(error));

for (let number = 0; number < Number(count); number += 1) {
  const properties = { revenue: number + 0.5 };
  analytics.track({ userId: `node-${number}`, event: "Order Completed", properties });
}
analytics.identify({ userId: "node-0", anonymousId: "node-visitor", traits: { email: "a@example.com" } });
analytics.page({ userId: "node-0", category: "Shop", name: "Home", properties: { path: "/" } });
analytics.screen({ userId: "node-0", name: "Home" });
analytics.alias({ previousId: "node-anonymous", userId: "node-0" });
analytics.group({ userId: "node-0", groupId: "g1", traits: { plan: "pro" } });
await analytics.closeAndFlush({ timeout: 60_000 });

if (errors.length > 0) {
  console.error(errors[0]);
  process.exit(1);
}
