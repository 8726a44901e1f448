CREATE TABLE `access_tokens` (
	`id` text PRIMARY KEY NOT NULL,
	`organization_id` text NOT NULL,
	`hash` blob NOT NULL,
	`subject_id` text NOT NULL,
	`principal` integer NOT NULL,
	`description` text NOT NULL,
	`read_only` integer NOT NULL,
	`creator_id` text NOT NULL,
	`creator_principal` integer NOT NULL,
	`created_at` integer NOT NULL,
	`expires_at` integer,
	`last_used_at` integer,
	`revoked_at` integer,
	`revoked_for` text,
	FOREIGN KEY (`organization_id`) REFERENCES `organizations`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE UNIQUE INDEX `access_tokens_hash` ON `access_tokens` (`hash`);--> statement-breakpoint
CREATE INDEX `access_tokens_by_subject` ON `access_tokens` (`organization_id`,`subject_id`,`id`);--> statement-breakpoint
CREATE INDEX `access_tokens_revoked` ON `access_tokens` (`revoked_at`) WHERE revoked_at IS NOT NULL;--> statement-breakpoint
CREATE INDEX `access_tokens_by_expiry` ON `access_tokens` (`expires_at`) WHERE expires_at IS NOT NULL;--> statement-breakpoint
CREATE TABLE `exchange_tokens` (
	`hash` blob PRIMARY KEY NOT NULL,
	`organization_id` text NOT NULL,
	`runner_id` text NOT NULL,
	`created_at` integer NOT NULL,
	`expires_at` integer NOT NULL,
	`used_at` integer,
	`idempotency_hash` blob,
	`access_token_id` text,
	FOREIGN KEY (`organization_id`) REFERENCES `organizations`(`id`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`runner_id`) REFERENCES `runners`(`id`) ON UPDATE no action ON DELETE cascade,
	FOREIGN KEY (`access_token_id`) REFERENCES `access_tokens`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE INDEX `exchange_tokens_by_runner` ON `exchange_tokens` (`runner_id`);--> statement-breakpoint
CREATE INDEX `exchange_tokens_by_access_token` ON `exchange_tokens` (`access_token_id`);--> statement-breakpoint
CREATE INDEX `exchange_tokens_by_expiry` ON `exchange_tokens` (`expires_at`);--> statement-breakpoint
CREATE TABLE `idempotent_calls` (
	`organization_id` text NOT NULL,
	`caller_id` text NOT NULL,
	`method` text NOT NULL,
	`key_hash` blob NOT NULL,
	`request_hash` blob NOT NULL,
	`answer` blob NOT NULL,
	`expires_at` integer NOT NULL,
	PRIMARY KEY(`caller_id`, `method`, `key_hash`),
	FOREIGN KEY (`organization_id`) REFERENCES `organizations`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE INDEX `idempotent_calls_by_expiry` ON `idempotent_calls` (`expires_at`);--> statement-breakpoint
CREATE TABLE `organizations` (
	`id` text PRIMARY KEY NOT NULL,
	`name` text NOT NULL,
	`created_at` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `runner_managers` (
	`id` text PRIMARY KEY NOT NULL,
	`organization_id` text NOT NULL,
	`name` text NOT NULL,
	`created_at` integer NOT NULL,
	FOREIGN KEY (`organization_id`) REFERENCES `organizations`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE TABLE `runners` (
	`id` text PRIMARY KEY NOT NULL,
	`organization_id` text NOT NULL,
	`name` text NOT NULL,
	`kind` integer NOT NULL,
	`provider` integer NOT NULL,
	`manager_id` text,
	`creator_id` text NOT NULL,
	`creator_principal` integer NOT NULL,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	`spec` blob NOT NULL,
	`spec_revision` integer NOT NULL,
	`metrics_password` blob,
	`desired_since` integer,
	`deletion_requested_at` integer,
	`report` blob NOT NULL,
	`reported_at` integer,
	`lease_state` integer NOT NULL,
	`lease_generation` integer NOT NULL,
	`lease_phase` integer NOT NULL,
	`lease_since` integer NOT NULL,
	`last_seen_at` integer NOT NULL,
	`applied_spec_revision` integer NOT NULL,
	`sign_off_reason` text NOT NULL,
	`unheard_restarts` integer DEFAULT 0 NOT NULL,
	FOREIGN KEY (`organization_id`) REFERENCES `organizations`(`id`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`manager_id`) REFERENCES `runner_managers`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE INDEX `runners_by_id` ON `runners` (`organization_id`,`id`);--> statement-breakpoint
CREATE INDEX `runners_by_kind` ON `runners` (`organization_id`,`kind`,`id`);--> statement-breakpoint
CREATE INDEX `runners_by_provider` ON `runners` (`organization_id`,`provider`,`id`);--> statement-breakpoint
CREATE INDEX `runners_by_creator` ON `runners` (`organization_id`,`creator_id`,`id`);--> statement-breakpoint
CREATE INDEX `runners_live` ON `runners` (`id`) WHERE lease_state = 1;--> statement-breakpoint
CREATE INDEX `runners_deleting` ON `runners` (`id`) WHERE deletion_requested_at IS NOT NULL;--> statement-breakpoint
CREATE UNIQUE INDEX `runners_manager` ON `runners` (`manager_id`) WHERE manager_id IS NOT NULL;--> statement-breakpoint
CREATE UNIQUE INDEX `runners_local_configuration` ON `runners` (`organization_id`) WHERE kind = 3;--> statement-breakpoint
CREATE TABLE `users` (
	`id` text PRIMARY KEY NOT NULL,
	`organization_id` text NOT NULL,
	`name` text NOT NULL,
	`email` text NOT NULL,
	`created_at` integer NOT NULL,
	FOREIGN KEY (`organization_id`) REFERENCES `organizations`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE UNIQUE INDEX `users_email` ON `users` (`organization_id`,`email`);