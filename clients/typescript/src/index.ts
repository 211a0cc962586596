/** A typed client of Angaros. What it can call, `schema.d.ts` says, which is made from the OpenAPI document. */

import createClient, { type Client } from "openapi-fetch";

import type { components, paths } from "./schema.js";

/** The shapes of requests and answers, by their names in the document. */
export type Schemas = components["schemas"];

/** A client of the service at `baseUrl`; it shows `key` once the service asks for one. */
export function angaros(baseUrl: string, key?: string): Client<paths> {
  return createClient<paths>({ baseUrl, headers: key === undefined ? {} : { "X-API-Key": key } });
}
