/** How deployments are. */
export const STATES = {
  healthy: { tone: "good", about: "Answers" },
  cooling: { tone: "warn", about: "Put aside after failures" },
  probing: { tone: "warn", about: "One call tries whether it answers again" },
  failing: { tone: "bad", about: "Its active check fails" },
} as const;
