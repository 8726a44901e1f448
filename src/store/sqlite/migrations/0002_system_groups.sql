-- Organisations of earlier versions get the groups that new ones begin with (src/store/sqlite/system-groups.ts).
-- Everybody that such an organisation has is its admin: earlier versions made one user, and knew no roles.
INSERT INTO `groups` (`id`, `organization_id`, `name`, `description`, `system_managed`, `direct_share`, `created_at`, `updated_at`)
SELECT lower(printf('%08x-%04x-7', created_at >> 16, created_at & 65535) || substr(hex(randomblob(2)), 2) || '-8' || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6))),
	`id`, 'org-members', 'Everybody who belongs to the organization', 1, 0, `created_at`, `created_at`
FROM `organizations`;
--> statement-breakpoint
INSERT INTO `groups` (`id`, `organization_id`, `name`, `description`, `system_managed`, `direct_share`, `created_at`, `updated_at`)
SELECT lower(printf('%08x-%04x-7', created_at >> 16, created_at & 65535) || substr(hex(randomblob(2)), 2) || '-8' || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6))),
	`id`, 'org-admins', 'Those who may do everything in the organization', 1, 0, `created_at`, `created_at`
FROM `organizations`;
--> statement-breakpoint
INSERT INTO `role_assignments` (`id`, `organization_id`, `group_id`, `resource_type`, `resource_id`, `role`, `created_at`)
SELECT lower(printf('%08x-%04x-7', created_at >> 16, created_at & 65535) || substr(hex(randomblob(2)), 2) || '-8' || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6))),
	`organization_id`, `id`, 7, `organization_id`, CASE `name` WHEN 'org-admins' THEN 1 ELSE 2 END, `created_at`
FROM `groups` WHERE `system_managed` = 1;
--> statement-breakpoint
INSERT INTO `group_memberships` (`id`, `organization_id`, `group_id`, `subject_id`, `subject_principal`, `created_at`)
SELECT lower(printf('%08x-%04x-7', `groups`.`created_at` >> 16, `groups`.`created_at` & 65535) || substr(hex(randomblob(2)), 2) || '-8' || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6))),
	`users`.`organization_id`, `groups`.`id`, `users`.`id`, 2, `groups`.`created_at`
FROM `users` INNER JOIN `groups` ON `groups`.`organization_id` = `users`.`organization_id`
WHERE `groups`.`system_managed` = 1;
