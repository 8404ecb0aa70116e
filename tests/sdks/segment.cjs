// The story of test_sdks.py told with @segment/analytics-node: node segment.cjs HOST WRITE_KEY
const { createRequire } = require("node:module");
const { Analytics } = createRequire(`${process.env.SDKS}/`)("@segment/analytics-node");

const [host, writeKey] = process.argv.slice(2);
const analytics = new Analytics({ writeKey, host, flushAt: 50, flushInterval: 200 });
analytics.on("error", (error) => { console.error(error); process.exitCode = 1; });

analytics.identify({ userId: "u-1", traits: { email: "Ada@Example.com", name: "Ada", plan: "pro" } });
analytics.group({ userId: "u-1", groupId: "acme-7", traits: { name: "Acme Ltd" } });
analytics.track({ anonymousId: "a-1", event: "Seen", properties: { price: 9.5 } });
analytics.identify({ anonymousId: "a-1", userId: "u-2" });
analytics.page({ userId: "u-1", category: "Shop", name: "Prices", properties: { url: "https://shop.example/prices" } });
analytics.screen({ userId: "u-1", name: "Basket" });
analytics.track({ anonymousId: "a-2", event: "Called" });
analytics.alias({ previousId: "a-2", userId: "u-1" });
analytics.track({ userId: "u-3", event: "Grüße 😀", timestamp: new Date("2020-02-03T04:05:06.789Z") });
for (let number = 0; number < 250; number += 1) {
  analytics.track({ userId: "u-4", event: "Step", properties: { number } });
}
analytics.closeAndFlush();
