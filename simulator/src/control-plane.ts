import { Hono } from "hono";
import { agreementRoutes } from "./control/agreement-routes.ts";
import { bookRoutes } from "./control/book-routes.ts";
import { noticeRoutes } from "./control/notice-routes.ts";
import { productRoutes } from "./control/product-routes.ts";
import { roleRoutes } from "./control/role-routes.ts";
import { settingRoutes } from "./control/setting-routes.ts";
import type { Send } from "./notices/delivery.ts";
import type { Simulator } from "./simulator.ts";

/** How a test arranges the simulated AWS and looks into its books: JSON in and out, below `/_simulator`. */
export function controlPlane(simulator: Simulator, send: Send): Hono {
  return new Hono()
    .route("/", productRoutes(simulator))
    .route("/", agreementRoutes(simulator))
    .route("/", noticeRoutes(simulator, send))
    .route("/", bookRoutes(simulator))
    .route("/", roleRoutes(simulator))
    .route("/", settingRoutes(simulator));
}
