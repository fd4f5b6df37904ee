ALTER TABLE `dimensions` ADD `aggregation` text DEFAULT 'sum' NOT NULL;--> statement-breakpoint
ALTER TABLE `dimensions` ADD `divisor` integer DEFAULT 1 NOT NULL;--> statement-breakpoint
ALTER TABLE `dimensions` ADD `unique_tag` text;--> statement-breakpoint
ALTER TABLE `dimensions` ADD `late` text DEFAULT 'carry_forward' NOT NULL;--> statement-breakpoint
ALTER TABLE `products` ADD `dedupe_days` integer DEFAULT 35 NOT NULL;