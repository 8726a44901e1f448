CREATE TABLE `audit_log` (
	`id` text PRIMARY KEY NOT NULL,
	`organization_id` text NOT NULL,
	`actor_id` text NOT NULL,
	`actor_principal` integer NOT NULL,
	`subject_id` text NOT NULL,
	`subject_type` integer NOT NULL,
	`action` text NOT NULL,
	`kind` integer NOT NULL,
	`created_at` integer NOT NULL,
	`source_address` text NOT NULL,
	`user_agent` text NOT NULL,
	FOREIGN KEY (`organization_id`) REFERENCES `organizations`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE INDEX `audit_log_by_time` ON `audit_log` (`organization_id`,`created_at`,`id`);--> statement-breakpoint
CREATE INDEX `audit_log_by_actor` ON `audit_log` (`organization_id`,`actor_id`,`created_at`,`id`);--> statement-breakpoint
CREATE INDEX `audit_log_by_subject` ON `audit_log` (`organization_id`,`subject_id`,`created_at`,`id`);--> statement-breakpoint
CREATE TABLE `events` (
	`sequence` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`organization_id` text NOT NULL,
	`operation` integer NOT NULL,
	`resource_type` integer NOT NULL,
	`resource_id` text NOT NULL,
	`creator_id` text NOT NULL,
	`audience` text NOT NULL,
	`created_at` integer NOT NULL,
	FOREIGN KEY (`organization_id`) REFERENCES `organizations`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE INDEX `events_by_organization` ON `events` (`organization_id`,`sequence`);--> statement-breakpoint
CREATE TABLE `gateways` (
	`id` text PRIMARY KEY NOT NULL,
	`organization_id` text NOT NULL,
	`name` text NOT NULL,
	`url` text NOT NULL,
	`region` text NOT NULL,
	`created_at` integer NOT NULL,
	FOREIGN KEY (`organization_id`) REFERENCES `organizations`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE UNIQUE INDEX `gateways_name` ON `gateways` (`organization_id`,`name`);--> statement-breakpoint
CREATE INDEX `gateways_by_id` ON `gateways` (`organization_id`,`id`);--> statement-breakpoint
CREATE TABLE `group_memberships` (
	`id` text PRIMARY KEY NOT NULL,
	`organization_id` text NOT NULL,
	`group_id` text NOT NULL,
	`subject_id` text NOT NULL,
	`subject_principal` integer NOT NULL,
	`created_at` integer NOT NULL,
	FOREIGN KEY (`organization_id`) REFERENCES `organizations`(`id`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`group_id`) REFERENCES `groups`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE UNIQUE INDEX `group_memberships_member` ON `group_memberships` (`group_id`,`subject_id`);--> statement-breakpoint
CREATE INDEX `group_memberships_by_subject` ON `group_memberships` (`organization_id`,`subject_id`);--> statement-breakpoint
CREATE TABLE `groups` (
	`id` text PRIMARY KEY NOT NULL,
	`organization_id` text NOT NULL,
	`name` text NOT NULL,
	`description` text NOT NULL,
	`system_managed` integer NOT NULL,
	`direct_share` integer NOT NULL,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	FOREIGN KEY (`organization_id`) REFERENCES `organizations`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE UNIQUE INDEX `groups_name` ON `groups` (`organization_id`,`name`);--> statement-breakpoint
CREATE INDEX `groups_by_id` ON `groups` (`organization_id`,`id`);--> statement-breakpoint
CREATE TABLE `role_assignments` (
	`id` text PRIMARY KEY NOT NULL,
	`organization_id` text NOT NULL,
	`group_id` text NOT NULL,
	`resource_type` integer NOT NULL,
	`resource_id` text NOT NULL,
	`role` integer NOT NULL,
	`created_at` integer NOT NULL,
	FOREIGN KEY (`organization_id`) REFERENCES `organizations`(`id`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`group_id`) REFERENCES `groups`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE UNIQUE INDEX `role_assignments_role` ON `role_assignments` (`group_id`,`resource_type`,`resource_id`,`role`);--> statement-breakpoint
CREATE INDEX `role_assignments_by_resource` ON `role_assignments` (`organization_id`,`resource_type`,`resource_id`);--> statement-breakpoint
CREATE INDEX `role_assignments_by_id` ON `role_assignments` (`organization_id`,`id`);--> statement-breakpoint
CREATE TABLE `service_accounts` (
	`id` text PRIMARY KEY NOT NULL,
	`organization_id` text NOT NULL,
	`name` text NOT NULL,
	`description` text NOT NULL,
	`creator_id` text NOT NULL,
	`creator_principal` integer NOT NULL,
	`created_at` integer NOT NULL,
	`valid_until` integer NOT NULL,
	`suspended` integer NOT NULL,
	`system_managed` integer NOT NULL,
	FOREIGN KEY (`organization_id`) REFERENCES `organizations`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE UNIQUE INDEX `service_accounts_name` ON `service_accounts` (`organization_id`,`name`);--> statement-breakpoint
CREATE INDEX `service_accounts_by_id` ON `service_accounts` (`organization_id`,`id`);--> statement-breakpoint
CREATE TABLE `signing_keys` (
	`id` text PRIMARY KEY NOT NULL,
	`public_jwk` text NOT NULL,
	`private_key` blob NOT NULL,
	`created_at` integer NOT NULL,
	`active_from` integer DEFAULT 0 NOT NULL,
	`retired_at` integer
);
--> statement-breakpoint
ALTER TABLE `users` ADD `avatar_url` text DEFAULT '' NOT NULL;--> statement-breakpoint
ALTER TABLE `users` ADD `status` integer DEFAULT 1 NOT NULL;--> statement-breakpoint
CREATE INDEX `users_by_id` ON `users` (`organization_id`,`id`);--> statement-breakpoint
CREATE INDEX `access_tokens_by_principal` ON `access_tokens` (`organization_id`,`principal`,`id`);--> statement-breakpoint
CREATE INDEX `runner_managers_by_id` ON `runner_managers` (`organization_id`,`id`);