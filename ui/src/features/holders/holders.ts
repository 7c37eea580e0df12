import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useCallback, useDeferredValue } from "react";
import { client, type Key, type Team, type User } from "../../client/api";

/** What carries budgets and limits of its own. */
export interface Holders {
  key: Key;
  team: Team;
  user: User;
}
export type Noun = keyof Holders;

type Answer<T> = Promise<{ data?: T | undefined; error?: unknown }>;

/** What narrows a list of them. */
interface Search {
  q?: string | undefined;
  team?: string | undefined;
  user?: string | undefined;
}

interface Asked extends Search {
  cursor: string | undefined;
  limit: number;
}

interface Deeds<T> {
  /** The routes whose answers show it: the list first, then one. */
  paths: readonly [string, string, ...string[]];
  list: (query: Asked, signal: AbortSignal) => Answer<{ data: T[]; next: string | null }>;
  get: (id: string, signal: AbortSignal) => Answer<T>;
  block: (id: string) => Answer<T>;
  unblock: (id: string) => Answer<T>;
  remove: (id: string) => Answer<unknown>;
}

const key = (key_id: string) => ({ params: { path: { key_id } } });
const team = (team_id: string) => ({ params: { path: { team_id } } });
const user = (user_id: string) => ({ params: { path: { user_id } } });

const DEEDS: { [N in Noun]: Deeds<Holders[N]> } = {
  key: {
    paths: ["/api/keys", "/api/keys/{key_id}"],
    list: (query, signal) => client.GET("/api/keys", { params: { query }, signal }),
    get: (id, signal) => client.GET("/api/keys/{key_id}", { ...key(id), signal }),
    block: (id) => client.POST("/api/keys/{key_id}/block", key(id)),
    unblock: (id) => client.POST("/api/keys/{key_id}/unblock", key(id)),
    remove: (id) => client.DELETE("/api/keys/{key_id}", key(id)),
  },
  team: {
    paths: ["/api/teams", "/api/teams/{team_id}"],
    list: (query, signal) => client.GET("/api/teams", { params: { query }, signal }),
    get: (id, signal) => client.GET("/api/teams/{team_id}", { ...team(id), signal }),
    block: (id) => client.POST("/api/teams/{team_id}/block", team(id)),
    unblock: (id) => client.POST("/api/teams/{team_id}/unblock", team(id)),
    remove: (id) => client.DELETE("/api/teams/{team_id}", team(id)),
  },
  user: {
    // A user who is deleted leaves their teams.
    paths: ["/api/users", "/api/users/{user_id}", "/api/teams", "/api/teams/{team_id}"],
    list: (query, signal) => client.GET("/api/users", { params: { query }, signal }),
    get: (id, signal) => client.GET("/api/users/{user_id}", { ...user(id), signal }),
    block: (id) => client.POST("/api/users/{user_id}/block", user(id)),
    unblock: (id) => client.POST("/api/users/{user_id}/unblock", user(id)),
    remove: (id) => client.DELETE("/api/users/{user_id}", user(id)),
  },
};

const STANDING = ["/api/budgets", "/api/limits"];

async function answered<T>(answer: Answer<T>): Promise<T> {
  const { data, error } = await answer;
  if (error) throw error;
  return data as T;
}

const PAGE = 200;

/** Keys, teams or users, a page after the other; what was there stays while something else is sought. */
export function useHolders<N extends Noun>(noun: N, search: Search) {
  const deeds: Deeds<Holders[N]> = DEEDS[noun];
  const q = useDeferredValue(search.q ?? "");
  const { team, user } = search;
  const found = useInfiniteQuery({
    queryKey: ["get", deeds.paths[0], q, team, user],
    queryFn: ({ pageParam, signal }) => answered(deeds.list({ q, team, user, cursor: pageParam, limit: PAGE }, signal)),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next ?? undefined,
    placeholderData: (before) => before,
  });
  return { ...found, rows: found.data?.pages.flatMap((page) => page.data) ?? [] };
}

/** Reads everything again that shows a key, team or user, after a change of one. */
export function useChanged(noun: Noun): () => Promise<unknown> {
  const queries = useQueryClient();
  return useCallback(
    () =>
      Promise.all(
        [...DEEDS[noun].paths, ...STANDING].map((path) => queries.invalidateQueries({ queryKey: ["get", path] })),
      ),
    [queries, noun],
  );
}

/** A key, team or user as it stands, and what can be done to it. */
export function useHolder<N extends Noun>(noun: N, id: string) {
  const queries = useQueryClient();
  const changed = useChanged(noun);
  const deeds: Deeds<Holders[N]> = DEEDS[noun];
  const found = useQuery({
    queryKey: ["get", deeds.paths[1], id],
    queryFn: ({ signal }) => answered(deeds.get(id, signal)),
    refetchInterval: 5000,
  });
  const block = useMutation({
    mutationFn: (blocked: boolean) => answered(blocked ? deeds.block(id) : deeds.unblock(id)),
    onSuccess: changed,
  });
  const remove = useMutation({
    mutationFn: () => answered(deeds.remove(id)),
    meta: { quiet: true },
    onSuccess: () => {
      queries.removeQueries({ queryKey: ["get", deeds.paths[1], id] });
      void changed();
    },
  });
  return { found, block, remove, changed };
}

/** `active`, `blocked` or, of a key, `expired`. */
export function stateOf(item: Key | Team | User): Key["state"] {
  if ("state" in item) return item.state;
  return item.blocked ? "blocked" : "active";
}
