import { chosenZone } from "./settings";

export * from "./days";

const formats = new Map<string, Intl.DateTimeFormat>();

function format(zone: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const name = zone + JSON.stringify(options);
  let found = formats.get(name);
  if (!found) {
    found = new Intl.DateTimeFormat(undefined, {
      ...options,
      ...(zone === "local" ? {} : { timeZone: zone }),
    });
    formats.set(name, found);
  }
  return found;
}

/** `Nov 22, 13:45:12`, in the chosen zone. */
export function moment(instant: string, zone = chosenZone()): string {
  return format(zone, {
    month: "short",
    day: "numeric",
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
    hourCycle: "h23",
  }).format(new Date(instant));
}

/** `13:45:12` today, else with the day. */
export function clock(instant: string, zone = chosenZone(), now = new Date()): string {
  const at = new Date(instant);
  const day = format(zone, { year: "numeric", month: "2-digit", day: "2-digit" });
  const time = format(zone, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
  if (day.format(at) === day.format(now)) return time.format(at);
  return `${format(zone, { month: "short", day: "numeric" }).format(at)}, ${time.format(at)}`;
}

/** The whole of it: with year, milliseconds and zone. */
export function full(instant: string, zone = chosenZone()): string {
  return format(zone, {
    year: "numeric",
    month: "short",
    day: "numeric",
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
    fractionalSecondDigits: 3,
    hourCycle: "h23",
    timeZoneName: "short",
  }).format(new Date(instant));
}

/** An instant's day. */
export function date(instant: string, zone = chosenZone()): string {
  return format(zone, { year: "numeric", month: "short", day: "numeric" }).format(new Date(instant));
}

/** A calendar day of the sums (`2026-11-22`): `Nov 22`. */
export function day(text: string): string {
  return format("UTC", { month: "short", day: "numeric" }).format(new Date(`${text}T00:00:00Z`));
}

/** A calendar day in full: `Sunday, November 22, 2026`. */
export function dayInFull(text: string): string {
  return format("UTC", { weekday: "short", month: "short", day: "numeric", year: "numeric" }).format(
    new Date(`${text}T00:00:00Z`),
  );
}

/** `in 3 h`, `5 min ago`. */
export function fromNow(instant: string, now = Date.now()): string {
  const seconds = (new Date(instant).getTime() - now) / 1000;
  const size = Math.abs(seconds);
  const [amount, unit] =
    size < 60
      ? [size, "s"]
      : size < 3600
        ? [size / 60, "min"]
        : size < 86_400
          ? [size / 3600, "h"]
          : [size / 86_400, "d"];
  const shown = `${Math.round(amount)} ${unit}`;
  return seconds >= 0 ? `in ${shown}` : `${shown} ago`;
}
