/** A session that ends while the page is open: every answer 401 says so, whichever part of the page asked. */
import { MutationCache, QueryCache, type QueryClient } from "@tanstack/react-query";

import { ApiProblem } from "./client";
import { meQuery } from "./queries";

export const isLoggedOut = (error: unknown) => error instanceof ApiProblem && error.status === 401;

/** Caches that ask again who is here when an answer is 401. */
export function watchedCaches(queries: () => QueryClient) {
  const look = (error: unknown) => {
    if (isLoggedOut(error)) void queries().invalidateQueries({ queryKey: meQuery.queryKey });
  };
  return {
    queryCache: new QueryCache({ onError: (error, query) => (query.queryKey[0] === meQuery.queryKey[0] ? undefined : look(error)) }),
    mutationCache: new MutationCache({ onError: look }),
  };
}
