-- Written by drizzle-kit. By hand: WITHOUT ROWID on the two tables that are written all the time, where a text
-- primary key would otherwise cost a second row for each insert.
CREATE TABLE `agreements` (
	`id` text PRIMARY KEY NOT NULL,
	`product_id` text NOT NULL,
	`account_id` text,
	`license_arn` text,
	`customer_identifier` text,
	`customer` text,
	`shard` integer NOT NULL,
	`registered_at` integer NOT NULL,
	FOREIGN KEY (`product_id`) REFERENCES `products`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE UNIQUE INDEX `agreements_customer` ON `agreements` (`product_id`,`customer`);--> statement-breakpoint
CREATE INDEX `agreements_account` ON `agreements` (`product_id`,`account_id`);--> statement-breakpoint
CREATE UNIQUE INDEX `agreements_license` ON `agreements` (`product_id`,`license_arn`);--> statement-breakpoint
CREATE INDEX `agreements_customer_identifier` ON `agreements` (`product_id`,`customer_identifier`);--> statement-breakpoint
CREATE TABLE `attempts` (
	`id` text PRIMARY KEY NOT NULL,
	`product_id` text NOT NULL,
	`region` text NOT NULL,
	`started_at` integer NOT NULL,
	`record_ids` text NOT NULL,
	`finished_at` integer,
	`request_id` text,
	`error` text
) WITHOUT ROWID;
--> statement-breakpoint
CREATE TABLE `dimensions` (
	`product_id` text NOT NULL,
	`name` text NOT NULL,
	PRIMARY KEY(`product_id`, `name`),
	FOREIGN KEY (`product_id`) REFERENCES `products`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE TABLE `keys` (
	`id` text PRIMARY KEY NOT NULL,
	`product_id` text NOT NULL,
	`name` text,
	`hash` text NOT NULL,
	`created_at` integer NOT NULL,
	`revoked_at` integer,
	FOREIGN KEY (`product_id`) REFERENCES `products`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE UNIQUE INDEX `keys_hash_unique` ON `keys` (`hash`);--> statement-breakpoint
CREATE TABLE `products` (
	`id` text PRIMARY KEY NOT NULL,
	`name` text NOT NULL,
	`product_code` text NOT NULL,
	`region` text NOT NULL,
	`concurrent_agreements` integer NOT NULL,
	`sign_up_url` text NOT NULL,
	`settle_seconds` integer NOT NULL,
	`late_settle_seconds` integer NOT NULL,
	`shards` integer NOT NULL,
	`created_at` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `products_product_code_unique` ON `products` (`product_code`);--> statement-breakpoint
CREATE TABLE `records` (
	`id` text PRIMARY KEY NOT NULL,
	`product_id` text NOT NULL,
	`agreement_id` text NOT NULL,
	`dimension` text NOT NULL,
	`hour` integer NOT NULL,
	`quantity` integer NOT NULL,
	`region` text NOT NULL,
	`product_code` text,
	`usage_record` text NOT NULL,
	`sealing` integer NOT NULL,
	`sealed_at` integer NOT NULL,
	`deadline` integer NOT NULL,
	`state` text NOT NULL,
	`reason` text,
	`attempts` integer NOT NULL,
	`may_be_held` integer NOT NULL,
	`next_attempt_at` integer NOT NULL,
	`last_answer` text,
	`metering_record_id` text,
	`settled_at` integer
) WITHOUT ROWID;
--> statement-breakpoint
CREATE INDEX `records_open` ON `records` (`region`,`deadline`) WHERE "settled_at" IS NULL;