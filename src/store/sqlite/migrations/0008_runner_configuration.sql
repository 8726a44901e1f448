CREATE TABLE `configuration_schemas` (
	`runner_id` text PRIMARY KEY NOT NULL,
	`schema` blob NOT NULL,
	`reported_at` integer NOT NULL,
	FOREIGN KEY (`runner_id`) REFERENCES `runners`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE TABLE `environment_classes` (
	`id` text PRIMARY KEY NOT NULL,
	`organization_id` text NOT NULL,
	`runner_id` text NOT NULL,
	`display_name` text NOT NULL,
	`description` text NOT NULL,
	`configuration` text NOT NULL,
	`enabled` integer NOT NULL,
	`created_at` integer NOT NULL,
	FOREIGN KEY (`organization_id`) REFERENCES `organizations`(`id`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`runner_id`) REFERENCES `runners`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE INDEX `environment_classes_by_id` ON `environment_classes` (`organization_id`,`id`);--> statement-breakpoint
CREATE INDEX `environment_classes_by_runner` ON `environment_classes` (`runner_id`,`id`);--> statement-breakpoint
CREATE TABLE `host_authentication_tokens` (
	`id` text PRIMARY KEY NOT NULL,
	`organization_id` text NOT NULL,
	`runner_id` text NOT NULL,
	`integration_id` text NOT NULL,
	`host` text NOT NULL,
	`host_key` text NOT NULL,
	`subject_id` text NOT NULL,
	`subject_principal` integer NOT NULL,
	`source` integer NOT NULL,
	`token` blob NOT NULL,
	`refresh_token` blob,
	`scopes` text NOT NULL,
	`expires_at` integer,
	`created_at` integer NOT NULL,
	FOREIGN KEY (`organization_id`) REFERENCES `organizations`(`id`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`runner_id`) REFERENCES `runners`(`id`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`integration_id`) REFERENCES `scm_integrations`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE UNIQUE INDEX `host_authentication_tokens_subject` ON `host_authentication_tokens` (`runner_id`,`host_key`,`subject_id`);--> statement-breakpoint
CREATE INDEX `host_authentication_tokens_by_id` ON `host_authentication_tokens` (`organization_id`,`id`);--> statement-breakpoint
CREATE INDEX `host_authentication_tokens_by_subject` ON `host_authentication_tokens` (`organization_id`,`subject_id`,`id`);--> statement-breakpoint
CREATE INDEX `host_authentication_tokens_by_integration` ON `host_authentication_tokens` (`integration_id`);--> statement-breakpoint
CREATE INDEX `host_authentication_tokens_by_expiry` ON `host_authentication_tokens` (`expires_at`);--> statement-breakpoint
CREATE TABLE `llm_integrations` (
	`id` text PRIMARY KEY NOT NULL,
	`organization_id` text NOT NULL,
	`runner_id` text NOT NULL,
	`models` text NOT NULL,
	`endpoint` text NOT NULL,
	`api_key` blob,
	`sealed_to` blob,
	`max_tokens` integer NOT NULL,
	`phase` integer NOT NULL,
	`phase_reason` text NOT NULL,
	`headers` text NOT NULL,
	`provider` integer NOT NULL,
	`created_at` integer NOT NULL,
	FOREIGN KEY (`organization_id`) REFERENCES `organizations`(`id`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`runner_id`) REFERENCES `runners`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE INDEX `llm_integrations_by_id` ON `llm_integrations` (`organization_id`,`id`);--> statement-breakpoint
CREATE INDEX `llm_integrations_by_runner` ON `llm_integrations` (`runner_id`,`id`);--> statement-breakpoint
CREATE TABLE `scm_integrations` (
	`id` text PRIMARY KEY NOT NULL,
	`organization_id` text NOT NULL,
	`runner_id` text NOT NULL,
	`scm_id` text NOT NULL,
	`host` text NOT NULL,
	`host_key` text NOT NULL,
	`oauth_client_id` text,
	`oauth_client_secret` blob,
	`sealed_to` blob,
	`oauth_issuer_url` text,
	`pat` integer NOT NULL,
	`virtual_directory` text NOT NULL,
	`created_at` integer NOT NULL,
	FOREIGN KEY (`organization_id`) REFERENCES `organizations`(`id`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`runner_id`) REFERENCES `runners`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE UNIQUE INDEX `scm_integrations_host` ON `scm_integrations` (`runner_id`,`host_key`,`virtual_directory`);--> statement-breakpoint
CREATE INDEX `scm_integrations_by_id` ON `scm_integrations` (`organization_id`,`id`);--> statement-breakpoint
CREATE TABLE `user_dotfiles` (
	`user_id` text PRIMARY KEY NOT NULL,
	`organization_id` text NOT NULL,
	`repository` text NOT NULL,
	FOREIGN KEY (`user_id`) REFERENCES `users`(`id`) ON UPDATE no action ON DELETE cascade,
	FOREIGN KEY (`organization_id`) REFERENCES `organizations`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE TABLE `user_preferences` (
	`id` text PRIMARY KEY NOT NULL,
	`organization_id` text NOT NULL,
	`user_id` text NOT NULL,
	`key` text NOT NULL,
	`value` text NOT NULL,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	FOREIGN KEY (`organization_id`) REFERENCES `organizations`(`id`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`user_id`) REFERENCES `users`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE UNIQUE INDEX `user_preferences_key` ON `user_preferences` (`user_id`,`key`);--> statement-breakpoint
CREATE INDEX `user_preferences_by_id` ON `user_preferences` (`user_id`,`id`);--> statement-breakpoint
DROP INDEX `users_email`;--> statement-breakpoint
CREATE UNIQUE INDEX `users_email` ON `users` (`organization_id`,`email`) WHERE status <> 3;--> statement-breakpoint
ALTER TABLE `runners` ADD `pause_note` text DEFAULT '' NOT NULL;--> statement-breakpoint
ALTER TABLE `runners` ADD `configuration_revision` integer DEFAULT 0 NOT NULL;