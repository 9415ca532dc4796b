/** The typed client: paths and bodies come from the OpenAPI document (`npm run api`). */
import createClient from "openapi-fetch";

import type { components, paths } from "./schema";

export type Schemas = components["schemas"];
export type StageName = Schemas["Stage"];

/** What the server says when a request was not done (RFC 9457). */
export class ApiProblem extends Error {
  constructor(
    readonly status: number,
    readonly title: string,
    readonly detail: string,
    readonly fields: readonly { field: string; problem: string }[] = [],
  ) {
    super(detail || title);
  }

  /** The server was not reached at all. */
  get unreachable() {
    return this.status === 0;
  }
}

let csrfToken: string | null = null;

/** Told by `/me`; goes with every change. */
export function keepCsrfToken(token: string | null | undefined) {
  csrfToken = token ?? null;
}

export const api = createClient<paths>({ baseUrl: window.location.origin });

api.use({
  onRequest({ request }) {
    if (csrfToken !== null && request.method !== "GET") request.headers.set("X-CSRF-Token", csrfToken);
    return request;
  },
  async onResponse({ response }) {
    if (!response.ok) throw await problemOf(response);
    return response;
  },
  onError({ error }) {
    if (error instanceof ApiProblem || (error instanceof DOMException && error.name === "AbortError")) return error;
    return new ApiProblem(0, "The server does not answer", "Assay's server cannot be reached. This page tries again by itself.");
  },
});

async function problemOf(response: Response): Promise<ApiProblem> {
  try {
    const problem = (await response.json()) as Schemas["Problem"];
    return new ApiProblem(response.status, problem.title, problem.detail, problem.errors);
  } catch {
    // a proxy in between answers in HTML while the server is down
    return new ApiProblem(response.status >= 502 ? 0 : response.status, response.statusText, `The server answered ${response.status}.`);
  }
}

/** Unwraps what openapi-fetch answers; problems are thrown before. */
export async function read<T>(asked: Promise<{ data?: T }>): Promise<T> {
  return (await asked).data as T;
}

type Partially<T> = T extends readonly (infer I)[] ? readonly Partially<I>[] : T extends object ? { [K in keyof T]?: Partially<T[K]> } : T;

/** A request body of which only some is given: the server fills in its defaults. */
export function withDefaults<T>(body: Partially<T>): T {
  return body as T;
}

/** A key for one intended change, so that sending it twice does it once. */
export function newKey(): string {
  return `page-${crypto.randomUUID?.() ?? Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16).padStart(2, "0")).join("")}`;
}
