-- Written by drizzle-kit. By hand: WITHOUT ROWID, the triggers, and the counters of records that are there.
CREATE TABLE `balances` (
	`agreement_id` text NOT NULL,
	`dimension` text NOT NULL,
	`pending` integer NOT NULL,
	`delivered` integer NOT NULL,
	`parked` integer NOT NULL,
	`rolled` integer NOT NULL,
	`written_off` integer NOT NULL,
	PRIMARY KEY(`agreement_id`, `dimension`)
) WITHOUT ROWID;
--> statement-breakpoint
CREATE TABLE `deliveries` (
	`product_id` text PRIMARY KEY NOT NULL,
	`last_success_at` integer,
	`failures` integer NOT NULL,
	`not_before` integer NOT NULL,
	`paused_at` integer,
	`error_code` text,
	`error_detail` text
) WITHOUT ROWID;
--> statement-breakpoint
CREATE TABLE `handovers` (
	`shard` text PRIMARY KEY NOT NULL,
	`sealing` integer NOT NULL
) WITHOUT ROWID;
--> statement-breakpoint
CREATE TABLE `submitters` (
	`region` text PRIMARY KEY NOT NULL,
	`last_tick_at` integer NOT NULL
) WITHOUT ROWID;
--> statement-breakpoint
DROP INDEX `records_open`;--> statement-breakpoint
ALTER TABLE `records` ADD `priority` integer DEFAULT 1 NOT NULL;--> statement-breakpoint
ALTER TABLE `records` ADD `rolled_into` integer;--> statement-breakpoint
CREATE INDEX `records_parked` ON `records` (`id`) WHERE "records"."state" = 'parked';--> statement-breakpoint
CREATE INDEX `records_rolling` ON `records` (`region`) WHERE "records"."state" = 'rolling';--> statement-breakpoint
CREATE INDEX `records_open` ON `records` (`region`,`priority`,`deadline`) WHERE "records"."settled_at" IS NULL;--> statement-breakpoint
ALTER TABLE `agreements` ADD `usage_until` integer;
--> statement-breakpoint
CREATE TRIGGER `records_inserted` AFTER INSERT ON `records` WHEN NEW.quantity > 0 BEGIN
  INSERT INTO balances (agreement_id, dimension, pending, delivered, parked, rolled, written_off)
  VALUES (NEW.agreement_id, NEW.dimension,
          (NEW.state IN ('pending', 'sent', 'waiting')) * NEW.quantity,
          (NEW.state = 'delivered') * NEW.quantity,
          (NEW.state = 'parked') * NEW.quantity,
          (NEW.state IN ('rolling', 'rolled_over')) * NEW.quantity,
          (NEW.state = 'written_off') * NEW.quantity)
  ON CONFLICT DO UPDATE SET pending = pending + excluded.pending, delivered = delivered + excluded.delivered, parked = parked + excluded.parked, rolled = rolled + excluded.rolled, written_off = written_off + excluded.written_off;
END;
--> statement-breakpoint
CREATE TRIGGER `records_moved` AFTER UPDATE OF `state` ON `records`
WHEN NEW.quantity > 0 AND NOT (
  (NEW.state IN ('pending', 'sent', 'waiting')) = (OLD.state IN ('pending', 'sent', 'waiting')) AND
  (NEW.state = 'delivered') = (OLD.state = 'delivered') AND
  (NEW.state = 'parked') = (OLD.state = 'parked') AND
  (NEW.state IN ('rolling', 'rolled_over')) = (OLD.state IN ('rolling', 'rolled_over')) AND
  (NEW.state = 'written_off') = (OLD.state = 'written_off'))
BEGIN
  INSERT INTO balances (agreement_id, dimension, pending, delivered, parked, rolled, written_off)
  VALUES (NEW.agreement_id, NEW.dimension,
          ((NEW.state IN ('pending', 'sent', 'waiting')) - (OLD.state IN ('pending', 'sent', 'waiting'))) * NEW.quantity,
          ((NEW.state = 'delivered') - (OLD.state = 'delivered')) * NEW.quantity,
          ((NEW.state = 'parked') - (OLD.state = 'parked')) * NEW.quantity,
          ((NEW.state IN ('rolling', 'rolled_over')) - (OLD.state IN ('rolling', 'rolled_over'))) * NEW.quantity,
          ((NEW.state = 'written_off') - (OLD.state = 'written_off')) * NEW.quantity)
  ON CONFLICT DO UPDATE SET pending = pending + excluded.pending, delivered = delivered + excluded.delivered, parked = parked + excluded.parked, rolled = rolled + excluded.rolled, written_off = written_off + excluded.written_off;
END;
--> statement-breakpoint
INSERT INTO balances (agreement_id, dimension, pending, delivered, parked, rolled, written_off)
SELECT agreement_id, dimension,
       SUM((state IN ('pending', 'sent', 'waiting')) * quantity),
       SUM((state = 'delivered') * quantity),
       SUM((state = 'parked') * quantity),
       SUM((state IN ('rolling', 'rolled_over')) * quantity),
       SUM((state = 'written_off') * quantity)
FROM records GROUP BY agreement_id, dimension;
--> statement-breakpoint
INSERT INTO handovers (shard, sealing)
SELECT agreements.product_id || ':' || agreements.shard, MAX(records.sealing)
FROM records JOIN agreements ON agreements.id = records.agreement_id
GROUP BY agreements.product_id, agreements.shard;
