import createClient, { type Middleware } from "openapi-fetch";
import createHooks from "openapi-react-query";
import type { components, paths } from "./schema";

type Schemas = components["schemas"];
export type Session = Schemas["Opened"];
export type Call = Schemas["Call"];
export type CallDetail = Schemas["CallDetail"];
export type Receipt = Schemas["Receipt"];
export type Charge = Schemas["Charge"];
export type Line = Schemas["Line"];
export type Price = Schemas["Price"];
export type Attempt = Schemas["Attempt"];
export type Overview = Schemas["Overview"];
export type Period = Schemas["Period"];
export type Sums = Schemas["Sums"];
export type SpendGroup = Schemas["SpendGroup"];
export type Key = Schemas["Key"];
export type KeyIssued = Schemas["KeyIssued"];
export type KeyCreate = Schemas["KeyCreate"];
export type Team = Schemas["Team"];
export type User = Schemas["User"];
export type Budget = Schemas["Budget"];
export type BudgetInput = Schemas["BudgetInput"];
export type Limit = Schemas["Limit"];
export type LimitInput = Schemas["LimitInput"];
export type Deployment = Schemas["Deployment"];
export type TestResult = Schemas["TestResult"];
export type RouterUse = Schemas["RouterUse"];
export type AuditEntry = Schemas["AuditEntry"];
export type CallQuery = NonNullable<paths["/api/calls"]["get"]["parameters"]["query"]>;
export type PriceQuery = NonNullable<paths["/api/prices"]["get"]["parameters"]["query"]>;

/** Where the gateway is: the page is at `<gateway>/ui/`, whatever stands before that. */
export const gateway = new URL("..", document.baseURI).href.replace(/\/$/, "");

let csrf = "";
let over: () => void = () => undefined;

/** What a change must prove, from the session. */
export function useCsrf(token: string): void {
  csrf = token;
}

/** What happens when the session is over. */
export function onSessionOver(react: () => void): void {
  over = react;
}

/** To be told of every 401, also by requests that are made by hand. */
export function sessionOver(): void {
  over();
}

/** The headers of a change, for requests that are made by hand (a stream). */
export function proof(): Record<string, string> {
  return { "x-faregate-csrf": csrf };
}

const guard: Middleware = {
  onRequest({ request }) {
    if (request.method !== "GET" && csrf) request.headers.set("x-faregate-csrf", csrf);
    return request;
  },
  onResponse({ response, schemaPath }) {
    if (response.status === 401 && schemaPath !== "/api/session") over();
    return response;
  },
};

export const client = createClient<paths>({
  baseUrl: gateway,
  credentials: "same-origin",
  querySerializer: { array: { style: "form", explode: true } },
});
client.use(guard);

export const api = createHooks(client);

export interface Problem {
  message: string;
  code: string;
  param: string | null;
}

/** Whatever was thrown or answered, as something to read. */
export function problemOf(error: unknown): Problem {
  if (typeof error === "object" && error !== null && "error" in error) {
    const found = (error as { error?: Partial<Problem> }).error;
    if (found && typeof found.message === "string")
      return { message: found.message, code: found.code ?? "", param: found.param ?? null };
  }
  // As Chrome, Firefox and Safari say it; any other TypeError is a fault of the page itself.
  if (error instanceof TypeError && /fetch|network|load failed/i.test(error.message))
    return { message: "The gateway does not answer. Is it running?", code: "unreachable", param: null };
  if (error instanceof TypeError)
    return { message: `This cannot be shown, which is a fault of the dashboard: ${error.message}`, code: "", param: null };
  if (error instanceof Error && error.message) return { message: error.message, code: "", param: null };
  if (typeof error === "string" && error.trim())
    return { message: error.slice(0, 300), code: "", param: null };
  return { message: "The gateway answered with an error and did not say which.", code: "", param: null };
}
