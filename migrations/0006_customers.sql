-- Written by drizzle-kit. By hand: WITHOUT ROWID, the index by holder, the trigger, and what agreements that are there have become.
CREATE TABLE `allowances` (
	`agreement_id` text NOT NULL,
	`dimension` text NOT NULL,
	`quantity` text NOT NULL,
	`per` text NOT NULL,
	`since` integer NOT NULL,
	`until` integer,
	`told_at` integer,
	PRIMARY KEY(`agreement_id`, `dimension`)
) WITHOUT ROWID;
--> statement-breakpoint
CREATE INDEX `allowances_untold` ON `allowances` (`agreement_id`) WHERE "allowances"."told_at" IS NULL;--> statement-breakpoint
CREATE TABLE `arrivals` (
	`id` text PRIMARY KEY NOT NULL,
	`token` text,
	`product_id` text,
	`arrived_at` integer NOT NULL,
	`free_trial` integer NOT NULL,
	`expires_at` integer NOT NULL,
	`next_attempt_at` integer NOT NULL,
	`attempts` integer NOT NULL,
	`error_code` text,
	`error_detail` text,
	`needs_person` integer NOT NULL,
	`agreement_id` text
) WITHOUT ROWID;
--> statement-breakpoint
CREATE INDEX `arrivals_waiting` ON `arrivals` (`next_attempt_at`) WHERE "arrivals"."token" IS NOT NULL;--> statement-breakpoint
CREATE INDEX `arrivals_expiry` ON `arrivals` (`expires_at`);--> statement-breakpoint
CREATE TABLE `contacts` (
	`agreement_id` text PRIMARY KEY NOT NULL,
	`email` text NOT NULL,
	`name` text,
	`company` text,
	`given_at` integer NOT NULL
) WITHOUT ROWID;
--> statement-breakpoint
CREATE INDEX `contacts_email` ON `contacts` (lower(`email`));--> statement-breakpoint
CREATE TABLE `entitlements` (
	`agreement_id` text NOT NULL,
	`dimension` text NOT NULL,
	`value` text NOT NULL,
	`expires_at` integer,
	PRIMARY KEY(`agreement_id`, `dimension`)
) WITHOUT ROWID;
--> statement-breakpoint
CREATE TABLE `notices` (
	`id` text PRIMARY KEY NOT NULL,
	`source` text NOT NULL,
	`kind` text NOT NULL,
	`occurred_at` integer NOT NULL,
	`received_at` integer NOT NULL,
	`facts` text NOT NULL,
	`product_code` text,
	`license_id` text,
	`aws_agreement_id` text,
	`account_id` text,
	`customer_identifier` text,
	`agreement_id` text,
	`applied_at` integer
) WITHOUT ROWID;
--> statement-breakpoint
CREATE INDEX `notices_agreement` ON `notices` (`agreement_id`,`occurred_at`);--> statement-breakpoint
CREATE INDEX `notices_unapplied` ON `notices` (`agreement_id`) WHERE "notices"."applied_at" IS NULL AND "notices"."agreement_id" IS NOT NULL;--> statement-breakpoint
CREATE INDEX `notices_unknown_license` ON `notices` (`license_id`) WHERE "notices"."agreement_id" IS NULL;--> statement-breakpoint
CREATE INDEX `notices_unknown_aws_agreement` ON `notices` (`aws_agreement_id`) WHERE "notices"."agreement_id" IS NULL;--> statement-breakpoint
CREATE INDEX `notices_unknown_renewal` ON `notices` (facts ->> 'previousAgreementId') WHERE "notices"."agreement_id" IS NULL;--> statement-breakpoint
CREATE INDEX `notices_unknown_account` ON `notices` (`product_code`,`account_id`) WHERE "notices"."agreement_id" IS NULL;--> statement-breakpoint
CREATE INDEX `notices_unknown_identifier` ON `notices` (`product_code`,`customer_identifier`) WHERE "notices"."agreement_id" IS NULL;--> statement-breakpoint
CREATE TABLE `registration_codes` (
	`id` text PRIMARY KEY NOT NULL,
	`agreement_id` text NOT NULL,
	`expires_at` integer NOT NULL,
	`redeemed_at` integer,
	`customer` text
) WITHOUT ROWID;
--> statement-breakpoint
CREATE INDEX `registration_codes_expiry` ON `registration_codes` (`expires_at`);--> statement-breakpoint
ALTER TABLE `agreements` ADD `license_id` text;--> statement-breakpoint
ALTER TABLE `agreements` ADD `aws_agreement_id` text;--> statement-breakpoint
ALTER TABLE `agreements` ADD `starts_at` integer;--> statement-breakpoint
ALTER TABLE `agreements` ADD `ends_at` integer;--> statement-breakpoint
ALTER TABLE `agreements` ADD `term_starts_at` integer;--> statement-breakpoint
ALTER TABLE `agreements` ADD `activated_at` integer;--> statement-breakpoint
ALTER TABLE `agreements` ADD `free_trial` integer DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE `agreements` ADD `ended_at` integer;--> statement-breakpoint
ALTER TABLE `agreements` ADD `life_version` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `agreements` ADD `closed_at` integer;--> statement-breakpoint
ALTER TABLE `agreements` ADD `unbilled` text;--> statement-breakpoint
ALTER TABLE `agreements` ADD `entitlements_due_at` integer;--> statement-breakpoint
ALTER TABLE `agreements` ADD `entitlements_read_at` integer;--> statement-breakpoint
ALTER TABLE `agreements` ADD `entitlements_failing_since` integer;--> statement-breakpoint
ALTER TABLE `agreements` ADD `entitlements_error` text;--> statement-breakpoint
CREATE INDEX `agreements_license_id` ON `agreements` (`license_id`);--> statement-breakpoint
CREATE INDEX `agreements_aws_agreement` ON `agreements` (`aws_agreement_id`);--> statement-breakpoint
CREATE INDEX `agreements_holder` ON `agreements` (coalesce(`account_id`, `customer_identifier`),`id`);--> statement-breakpoint
CREATE INDEX `agreements_ending` ON `agreements` (`usage_until`) WHERE "agreements"."usage_until" IS NOT NULL AND "agreements"."closed_at" IS NULL;--> statement-breakpoint
CREATE INDEX `agreements_entitlements_due` ON `agreements` (`entitlements_due_at`) WHERE "agreements"."entitlements_due_at" IS NOT NULL;--> statement-breakpoint
CREATE INDEX `agreements_entitlements_failing` ON `agreements` (`entitlements_failing_since`) WHERE "agreements"."entitlements_failing_since" IS NOT NULL;--> statement-breakpoint
ALTER TABLE `dimensions` ADD `included_by` text;--> statement-breakpoint
ALTER TABLE `dimensions` ADD `included_per` text;--> statement-breakpoint
ALTER TABLE `messages` ADD `agreement_id` text;--> statement-breakpoint
CREATE INDEX `messages_agreement` ON `messages` (`agreement_id`) WHERE "messages"."agreement_id" IS NOT NULL;--> statement-breakpoint
ALTER TABLE `products` ADD `concurrent_agreements_from` integer;--> statement-breakpoint
ALTER TABLE `products` ADD `contract` integer DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE `products` ADD `sns_topics` text DEFAULT '[]' NOT NULL;--> statement-breakpoint
ALTER TABLE `products` ADD `page` text;
--> statement-breakpoint
UPDATE `agreements` SET
  activated_at = registered_at,
  ended_at = usage_until - 3600000,
  license_id = replace(license_arn, rtrim(license_arn, replace(license_arn, ':', '')), '');
--> statement-breakpoint
INSERT INTO `notices` (id, source, kind, occurred_at, received_at, facts, agreement_id, applied_at)
SELECT 'gateway:seen_active:' || id, 'gateway', 'seen_active', registered_at, registered_at, '{}', id, registered_at FROM agreements;
--> statement-breakpoint
INSERT INTO `notices` (id, source, kind, occurred_at, received_at, facts, agreement_id, applied_at)
SELECT 'operator:ended:' || id, 'operator', 'agreement_ended', ended_at, ended_at, '{}', id, ended_at FROM agreements WHERE ended_at IS NOT NULL;
--> statement-breakpoint
CREATE TRIGGER `records_delivered` AFTER UPDATE OF `state` ON `records`
WHEN NEW.state = 'delivered' AND OLD.state <> 'delivered' AND NEW.quantity > 0
AND EXISTS (SELECT 1 FROM agreements WHERE id = NEW.agreement_id AND activated_at IS NULL AND usage_until IS NULL)
BEGIN
  INSERT INTO notices (id, source, kind, occurred_at, received_at, facts, agreement_id)
  VALUES ('gateway:seen_active:' || NEW.agreement_id || ':' || NEW.settled_at, 'gateway', 'seen_active', NEW.settled_at, NEW.settled_at,
          '{"name":"AWS has taken usage"}', NEW.agreement_id)
  ON CONFLICT DO NOTHING;
END;
