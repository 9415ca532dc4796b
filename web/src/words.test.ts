import { describe, expect, it } from "vitest";

import { ago, metric, percent, seconds, usd } from "./words";

describe("numbers are shown as people read them", () => {
  it("times get the unit that fits", () => {
    expect([0.034, 2.34, 42, 125, 7300].map(seconds)).toEqual(["34 ms", "2.3 s", "42 s", "2 min 5 s", "2 h 2 min"]);
    expect(seconds(null)).toBe("–");
  });
  it("a price that is not known is not a zero", () => {
    expect([null, 0, 0.00123, 1.5].map(usd)).toEqual(["not known", "$0", "$0.0012", "$1.50"]);
  });
  it("shares are percent and counts stay whole", () => {
    expect(percent(0.9322)).toBe("93.2 %");
    expect([177, 0.93220338, 1234.56].map(metric)).toEqual(["177", "0.9322", "1234.6"]);
  });
  it("long ago is a date", () => {
    const now = Date.parse("2026-01-31T12:00:00Z");
    expect(ago("2026-01-31T11:57:00Z", now)).toBe("3 min. ago");
    expect(ago("2025-06-01T00:00:00Z", now)).toMatch(/2025/);
  });
});
