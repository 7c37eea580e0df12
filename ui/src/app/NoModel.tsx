import { Link } from "@tanstack/react-router";
import { Boxes } from "lucide-react";
import { Empty } from "../shared/kit";
import { useSession } from "./session";

/** What to do first, where nothing can be called yet. */
export function NoModel() {
  const { mayChange } = useSession();
  return (
    <div className="card">
      <Empty icon={<Boxes size={26} aria-hidden />} title="No model to call yet">
        {mayChange ? (
          <>
            <p>Add the first one, such as a model router of Azure AI Foundry: its name, its endpoint and its key.</p>
            <Link to="/models" search={{ add: "1" }} className="button primary">
              Add a model
            </Link>
          </>
        ) : (
          <p>An administrator adds models; your calls are then shown here.</p>
        )}
      </Empty>
    </div>
  );
}
