-- Written by drizzle-kit. By hand: WITHOUT ROWID, where a text primary key would cost a second row.
CREATE TABLE `actions` (
	`id` text PRIMARY KEY NOT NULL,
	`action` text NOT NULL,
	`product_id` text NOT NULL,
	`agreement_id` text NOT NULL,
	`dimension` text NOT NULL,
	`hour` integer NOT NULL,
	`record_id` text,
	`quantity` text NOT NULL,
	`note` text,
	`decided_at` integer NOT NULL,
	`done_at` integer,
	`billed_hour` integer
) WITHOUT ROWID;
--> statement-breakpoint
CREATE INDEX `actions_record` ON `actions` (`record_id`);--> statement-breakpoint
CREATE INDEX `actions_undone` ON `actions` (`id`) WHERE "actions"."done_at" IS NULL;--> statement-breakpoint
CREATE TABLE `alarms` (
	`id` text PRIMARY KEY NOT NULL,
	`kind` text NOT NULL,
	`subject` text NOT NULL,
	`detail` text NOT NULL,
	`size` integer NOT NULL,
	`raised_at` integer NOT NULL,
	`told_at` integer NOT NULL,
	`told_size` integer NOT NULL,
	`cleared_at` integer
) WITHOUT ROWID;
--> statement-breakpoint
CREATE UNIQUE INDEX `alarms_open` ON `alarms` (`kind`,`subject`) WHERE "alarms"."cleared_at" IS NULL;--> statement-breakpoint
CREATE TABLE `messages` (
	`id` text PRIMARY KEY NOT NULL,
	`type` text NOT NULL,
	`payload` text NOT NULL,
	`created_at` integer NOT NULL,
	`attempts` integer NOT NULL,
	`next_attempt_at` integer NOT NULL,
	`delivered_at` integer,
	`error` text
) WITHOUT ROWID;
--> statement-breakpoint
CREATE INDEX `messages_undelivered` ON `messages` (`next_attempt_at`) WHERE "messages"."delivered_at" IS NULL;--> statement-breakpoint
CREATE TABLE `shard_reports` (
	`shard` text PRIMARY KEY NOT NULL,
	`reported_at` integer NOT NULL,
	`held_accounts` integer NOT NULL,
	`difference` text,
	`handover_error` text
) WITHOUT ROWID;
