import { Button } from "../../shared/kit";

/** At the end of a list that comes in pages: the next one. */
export function More({
  of,
  list,
}: {
  of: string;
  list: { hasNextPage: boolean; isFetchingNextPage: boolean; fetchNextPage: () => Promise<unknown> };
}) {
  if (!list.hasNextPage) return null;
  return (
    <div className="row body">
      <Button small busy={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>
        More {of}
      </Button>
    </div>
  );
}
