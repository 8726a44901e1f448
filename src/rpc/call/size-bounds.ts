/**
 * How large a field may be where the contract leaves that open: bytes of UTF-8 for texts, bytes, items for lists. The
 * contract stays as it is published, so the server's own bounds are here, in one table. A test compares it with the
 * descriptors of everything that is served: a field without a bound in either fails it, and so does a line that says
 * nothing new.
 */
export interface SizeBound {
  /** Of a text or of bytes, each item of a list by itself. */
  readonly maxBytes?: number;
  readonly maxItems?: number;
}

/** Room for any id, so that one that is malformed is told as such. */
const id: SizeBound = { maxBytes: 128 };
/** As long as the contract lets descriptions of service accounts be. */
const description: SizeBound = { maxBytes: 2048 };
const address: SizeBound = { maxBytes: 2048 };
const key: SizeBound = { maxBytes: 4096 };
const judged: SizeBound = { maxBytes: 8192 };
const schemaText: SizeBound = { maxBytes: 65_536 };
const schemaName: SizeBound = { maxBytes: 1024 };

const host: SizeBound = { maxBytes: 1024 };
const hostToken: SizeBound = { maxBytes: 8192 };
const scope: SizeBound = { maxBytes: 1024 };

/**
 * Of answers of runners. They have closer bounds of their own, in messages/question.ts, that are judged when it is known who
 * waits for the answer: a client that does is told. These are for what no message has room for anyway.
 */
const answerText: SizeBound = { maxBytes: 4 * 1024 * 1024 };
const answerItems: SizeBound = { maxItems: 10_000 };
const answerTexts: SizeBound = { ...answerText, ...answerItems };

/** By `package.Message.field`. */
export const sizeBounds: Readonly<Record<string, SizeBound>> = {
  "gitpod.v1.WatchEventsRequest.environment_id": id,
  "gitpod.v1.PaginationRequest.token": { maxBytes: 1024 },
  "gitpod.v1.Sort.field": { maxBytes: 128 },

  "gitpod.v1.GetGroupRequest.group_id": id,
  "gitpod.v1.ListRoleAssignmentsRequest.Filter.resource_types": { maxItems: 100 },
  "gitpod.v1.ListRoleAssignmentsRequest.Filter.resource_roles": { maxItems: 100 },
  "gitpod.v1.ListRoleAssignmentsRequest.Filter.group_id": id,
  "gitpod.v1.ListRoleAssignmentsRequest.Filter.user_id": id,
  "gitpod.v1.ListRoleAssignmentsRequest.Filter.resource_id": id,

  "gitpod.v1.GetIDTokenRequest.audience": { maxItems: 100, maxBytes: 2048 },
  "gitpod.v1.ExchangeTokenRequest.exchange_token": { maxBytes: 512 },
  "gitpod.v1.CreateServiceAccountTokenRequest.description": description,
  "gitpod.v1.CreatePersonalAccessTokenRequest.description": description,

  "gitpod.v1.RunnerConfiguration.region": { maxBytes: 1024 },
  "gitpod.v1.RunnerConfiguration.encrypted_honeycomb_api_key": { maxBytes: 8192 },
  "gitpod.v1.MetricsConfiguration.url": address,
  "gitpod.v1.MetricsConfiguration.username": { maxBytes: 1024 },
  "gitpod.v1.MetricsConfiguration.password": key,
  "gitpod.v1.UpdateRunnerRequest.MetricsConfiguration.url": address,
  "gitpod.v1.UpdateRunnerRequest.MetricsConfiguration.username": { maxBytes: 1024 },
  "gitpod.v1.UpdateRunnerRequest.MetricsConfiguration.password": key,
  "gitpod.v1.UpdateRunnerRequest.RunnerConfiguration.honeycomb_api_key": key,

  "gitpod.v1.CreateEnvironmentClassRequest.configuration": { maxItems: 100 },
  "gitpod.v1.CreateSCMIntegrationRequest.scm_id": id,
  "gitpod.v1.CreateSCMIntegrationRequest.host": host,
  "gitpod.v1.CreateSCMIntegrationRequest.oauth_client_id": { maxBytes: 2048 },
  "gitpod.v1.CreateSCMIntegrationRequest.oauth_plaintext_client_secret": key,
  "gitpod.v1.CreateSCMIntegrationRequest.issuer_url": address,
  "gitpod.v1.CreateSCMIntegrationRequest.virtual_directory": host,
  "gitpod.v1.UpdateSCMIntegrationRequest.oauth_client_id": { maxBytes: 2048 },
  "gitpod.v1.UpdateSCMIntegrationRequest.oauth_plaintext_client_secret": key,
  "gitpod.v1.UpdateSCMIntegrationRequest.issuer_url": address,
  "gitpod.v1.UpdateSCMIntegrationRequest.virtual_directory": host,
  "gitpod.v1.CreateHostAuthenticationTokenRequest.host": host,
  "gitpod.v1.CreateHostAuthenticationTokenRequest.token": hostToken,
  "gitpod.v1.CreateHostAuthenticationTokenRequest.refresh_token": hostToken,
  "gitpod.v1.CreateHostAuthenticationTokenRequest.scopes": scope,
  "gitpod.v1.UpdateHostAuthenticationTokenRequest.token": hostToken,
  "gitpod.v1.UpdateHostAuthenticationTokenRequest.refresh_token": hostToken,
  "gitpod.v1.UpdateHostAuthenticationTokenRequest.scopes": { ...scope, maxItems: 100 },

  "gitpod.v1.CreateLLMIntegrationRequest.models": { maxItems: 1000 },
  "gitpod.v1.CreateLLMIntegrationRequest.endpoint": address,
  "gitpod.v1.CreateLLMIntegrationRequest.api_key": key,
  "gitpod.v1.UpdateLLMIntegrationRequest.endpoint": address,
  "gitpod.v1.UpdateLLMIntegrationRequest.models": { maxItems: 1000 },
  "gitpod.v1.UpdateLLMIntegrationRequest.api_key": key,
  "gitpod.v1.UpdateLLMIntegrationRequest.request_headers": { maxItems: 100 },
  "gitpod.v1.LLMIntegrationRequestHeader.key": { maxBytes: 512 },
  "gitpod.v1.LLMIntegrationRequestHeader.value": key,

  // What is too long for a configuration is a verdict, so that these are wider than what can be stored.
  "gitpod.v1.EnvironmentClass.id": id,
  "gitpod.v1.EnvironmentClass.runner_id": id,
  "gitpod.v1.EnvironmentClass.configuration": { maxItems: 1000 },
  "gitpod.v1.ValidateRunnerConfigurationRequest.ValidateSCMIntegration.id": id,
  "gitpod.v1.ValidateRunnerConfigurationRequest.ValidateSCMIntegration.scm_id": judged,
  "gitpod.v1.ValidateRunnerConfigurationRequest.ValidateSCMIntegration.host": judged,
  "gitpod.v1.ValidateRunnerConfigurationRequest.ValidateSCMIntegration.oauth_client_id": judged,
  "gitpod.v1.ValidateRunnerConfigurationRequest.ValidateSCMIntegration.oauth_plaintext_client_secret": judged,
  "gitpod.v1.ValidateRunnerConfigurationRequest.ValidateSCMIntegration.oauth_encrypted_client_secret": judged,
  "gitpod.v1.ValidateRunnerConfigurationRequest.ValidateSCMIntegration.issuer_url": judged,
  "gitpod.v1.ValidateRunnerConfigurationRequest.ValidateSCMIntegration.virtual_directory": judged,

  // A schema is 64 KiB at most as a whole.
  "gitpod.v1.RunnerConfigurationSchema.version": schemaText,
  "gitpod.v1.RunnerConfigurationSchema.Field.id": schemaText,
  "gitpod.v1.RunnerConfigurationSchema.Field.name": schemaText,
  "gitpod.v1.RunnerConfigurationSchema.Field.description": schemaText,
  "gitpod.v1.RunnerConfigurationSchema.StringField.default": schemaText,
  "gitpod.v1.RunnerConfigurationSchema.StringField.pattern": schemaText,
  "gitpod.v1.RunnerConfigurationSchema.EnumField.default": schemaText,
  "gitpod.v1.RunnerConfigurationSchema.EnumField.Value.title": schemaText,
  "gitpod.v1.RunnerConfigurationSchema.EnumField.Value.subtitle": schemaText,
  "gitpod.v1.RunnerConfigurationSchema.EnumField.Value.detail": schemaText,
  "gitpod.v1.RunnerConfigurationSchema.DisplayField.default": schemaText,
  "gitpod.v1.RunnerConfigurationSchema.SCMConfigSchema.scm_id": schemaText,
  "gitpod.v1.RunnerConfigurationSchema.SCMConfigSchema.name": schemaText,
  "gitpod.v1.RunnerConfigurationSchema.OAuth.callback_url": schemaText,
  "gitpod.v1.RunnerConfigurationSchema.PersonalAccessToken.description": schemaText,
  "gitpod.v1.RunnerConfigurationSchema.PersonalAccessToken.docs_link": schemaText,
  "gitpod.v1.RunnerConfigurationSchema.runner_config": { maxItems: 1000 },
  "gitpod.v1.RunnerConfigurationSchema.environment_classes": { maxItems: 1000 },
  "gitpod.v1.RunnerConfigurationSchema.scm": { maxItems: 1000 },
  "gitpod.v1.RunnerConfigurationSchema.EnumField.possible_values": { maxItems: 1000 },
  "gitpod.v1.RunnerConfigurationSchema.EnumField.values": { ...schemaText, maxItems: 1000 },
  "gitpod.v1.RunnerConfigurationSchema.SCMConfigSchema.default_hosts": { ...schemaText, maxItems: 1000 },

  "gitpod.v1.GetPreferenceRequest.user_preference_id": id,
  "gitpod.v1.GetPreferenceRequest.preference_id": id,
  "gitpod.v1.ListMembersRequest.Filter.statuses": { maxItems: 100 },
  "gitpod.v1.ListMembersRequest.Filter.roles": { maxItems: 100 },

  "gitpod.v1.FieldValue.key": { maxBytes: 512 },
  "gitpod.v1.FieldValue.value": { maxBytes: 4096 },
  "gitpod.v1.Gateway.name": { maxBytes: 512 },
  "gitpod.v1.Gateway.url": address,
  "gitpod.v1.Gateway.region": { maxBytes: 512 },

  "gitpod.v1.ParseContextURLRequest.context_url": { maxBytes: 8192 },
  "gitpod.v1.SearchRepositoriesRequest.search_string": { maxBytes: 1024 },
  "gitpod.v1.SearchRepositoriesRequest.scm_host": host,
  "gitpod.v1.ListSCMOrganizationsRequest.scm_host": host,
  "gitpod.v1.ListSCMOrganizationsRequest.query": { maxBytes: 1024 },
  "gitpod.v1.CheckAuthenticationForHostRequest.host": host,
  "gitpod.v1.CheckRepositoryAccessRequest.repository_url": { maxBytes: 8192 },
  "gitpod.v1.PullRequest.id": host,
  "gitpod.v1.PullRequest.title": host,
  "gitpod.v1.PullRequest.from_branch": host,
  "gitpod.v1.PullRequest.to_branch": host,
  "gitpod.v1.PullRequest.url": host,
  "gitpod.v1.PullRequest.author": host,
  "gitpod.v1.PullRequest.head_sha": host,
  "gitpod.v1.PullRequest.Repository.clone_url": host,
  "gitpod.v1.PullRequest.Repository.host": host,
  "gitpod.v1.PullRequest.Repository.owner": host,
  "gitpod.v1.PullRequest.Repository.name": host,

  "gitpod.v1.ParseContextURLResponse.original_context_url": answerText,
  "gitpod.v1.ParseContextURLResponse.project_ids": answerTexts,
  "gitpod.v1.ParseContextURLResponse.scm_id": answerText,
  "gitpod.v1.ParseContextURLResponse.recommended_environment_classes": answerTexts,
  "gitpod.v1.ParseContextURLResponse.GitContext.clone_url": answerText,
  "gitpod.v1.ParseContextURLResponse.GitContext.branch": answerText,
  "gitpod.v1.ParseContextURLResponse.GitContext.commit": answerText,
  "gitpod.v1.ParseContextURLResponse.GitContext.host": answerText,
  "gitpod.v1.ParseContextURLResponse.GitContext.owner": answerText,
  "gitpod.v1.ParseContextURLResponse.GitContext.repo": answerText,
  "gitpod.v1.ParseContextURLResponse.GitContext.upstream_remote_url": answerText,
  "gitpod.v1.ParseContextURLResponse.GitContext.tag": answerText,
  "gitpod.v1.ParseContextURLResponse.PullRequest.id": answerText,
  "gitpod.v1.ParseContextURLResponse.PullRequest.title": answerText,
  "gitpod.v1.ParseContextURLResponse.PullRequest.from_branch": answerText,
  "gitpod.v1.ParseContextURLResponse.PullRequest.to_branch": answerText,
  "gitpod.v1.ParseContextURLResponse.Issue.id": answerText,
  "gitpod.v1.ParseContextURLResponse.Issue.title": answerText,
  "gitpod.v1.SearchRepositoriesResponse.repositories": answerItems,
  "gitpod.v1.SearchRepositoriesResponse.Repository.name": answerText,
  "gitpod.v1.SearchRepositoriesResponse.Repository.url": answerText,
  "gitpod.v1.PaginationResponse.next_token": answerText,
  "gitpod.v1.ListSCMOrganizationsResponse.organizations": answerItems,
  "gitpod.v1.ListSCMOrganizationsResponse.SCMOrganization.name": answerText,
  "gitpod.v1.ListSCMOrganizationsResponse.SCMOrganization.url": answerText,
  "gitpod.v1.CheckAuthenticationForHostResponse.authentication_url": answerText,
  "gitpod.v1.CheckAuthenticationForHostResponse.scm_id": answerText,
  "gitpod.v1.CheckAuthenticationForHostResponse.scm_name": answerText,
  "gitpod.v1.CheckAuthenticationForHostResponse.AuthenticationMethodOAuth2.auth_url": answerText,
  "gitpod.v1.CheckAuthenticationForHostResponse.AuthenticationMethodOAuth2.docs_url": answerText,
  "gitpod.v1.CheckAuthenticationForHostResponse.AuthenticationMethodPersonalAccessToken.create_url":
    answerText,
  "gitpod.v1.CheckAuthenticationForHostResponse.AuthenticationMethodPersonalAccessToken.docs_url": answerText,
  "gitpod.v1.CheckAuthenticationForHostResponse.AuthenticationMethodPersonalAccessToken.example": answerText,
  "gitpod.v1.CheckAuthenticationForHostResponse.AuthenticationMethodPersonalAccessToken.required_scopes":
    answerTexts,
  "gitpod.v1.CheckRepositoryAccessResponse.error_message": answerText,
  "gitpod.v1.EnvironmentClassValidationResult.display_name_error": answerText,
  "gitpod.v1.EnvironmentClassValidationResult.description_error": answerText,
  "gitpod.v1.EnvironmentClassValidationResult.configuration_errors": answerItems,
  "gitpod.v1.FieldValidationError.key": answerText,
  "gitpod.v1.FieldValidationError.error": answerText,
  "gitpod.v1.SCMIntegrationValidationResult.scm_id_error": answerText,
  "gitpod.v1.SCMIntegrationValidationResult.host_error": answerText,
  "gitpod.v1.SCMIntegrationValidationResult.oauth_error": answerText,
  "gitpod.v1.SCMIntegrationValidationResult.pat_error": answerText,
  "rollcall.v1.QuestionError.message": answerText,
  "gitpod.v1.ParseContextURLPreconditionFailureDetails.authentication_required_url": answerText,
  "gitpod.v1.ParseContextURLPreconditionFailureDetails.scm_id": answerText,
  "gitpod.v1.ParseContextURLPreconditionFailureDetails.runner_ids": answerTexts,

  "grpc.health.v1.HealthCheckRequest.service": schemaName,
  "grpc.reflection.v1.ServerReflectionRequest.host": schemaName,
  "grpc.reflection.v1.ServerReflectionRequest.file_by_filename": schemaName,
  "grpc.reflection.v1.ServerReflectionRequest.file_containing_symbol": schemaName,
  "grpc.reflection.v1.ServerReflectionRequest.all_extension_numbers_of_type": schemaName,
  "grpc.reflection.v1.ServerReflectionRequest.list_services": schemaName,
  "grpc.reflection.v1.ExtensionRequest.containing_type": schemaName,
  "grpc.reflection.v1alpha.ServerReflectionRequest.host": schemaName,
  "grpc.reflection.v1alpha.ServerReflectionRequest.file_by_filename": schemaName,
  "grpc.reflection.v1alpha.ServerReflectionRequest.file_containing_symbol": schemaName,
  "grpc.reflection.v1alpha.ServerReflectionRequest.all_extension_numbers_of_type": schemaName,
  "grpc.reflection.v1alpha.ServerReflectionRequest.list_services": schemaName,
  "grpc.reflection.v1alpha.ExtensionRequest.containing_type": schemaName,
};
