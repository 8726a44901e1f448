import type { DescFile } from "@bufbuild/protobuf";
import { file_gitpod_v1_agent } from "../../gen/gitpod/v1/agent_pb.js";
import { file_gitpod_v1_agent_security } from "../../gen/gitpod/v1/agent_security_pb.js";
import { file_gitpod_v1_count } from "../../gen/gitpod/v1/count_pb.js";
import { file_gitpod_v1_environment } from "../../gen/gitpod/v1/environment_pb.js";
import { file_gitpod_v1_event } from "../../gen/gitpod/v1/event_pb.js";
import { file_gitpod_v1_gateway } from "../../gen/gitpod/v1/gateway_pb.js";
import { file_gitpod_v1_group } from "../../gen/gitpod/v1/group_pb.js";
import { file_gitpod_v1_identity } from "../../gen/gitpod/v1/identity_pb.js";
import { file_gitpod_v1_login_provider } from "../../gen/gitpod/v1/login_provider_pb.js";
import { file_gitpod_v1_model } from "../../gen/gitpod/v1/model_pb.js";
import { file_gitpod_v1_organization } from "../../gen/gitpod/v1/organization_pb.js";
import { file_gitpod_v1_pagination } from "../../gen/gitpod/v1/pagination_pb.js";
import { file_gitpod_v1_runner_configuration } from "../../gen/gitpod/v1/runner_configuration_pb.js";
import { file_gitpod_v1_runner } from "../../gen/gitpod/v1/runner_pb.js";
import { file_gitpod_v1_service_account } from "../../gen/gitpod/v1/service_account_pb.js";
import { file_gitpod_v1_user } from "../../gen/gitpod/v1/user_pb.js";

/** Every file of the public contract, in the order of their names. */
export const contractFiles: readonly DescFile[] = [
  file_gitpod_v1_agent,
  file_gitpod_v1_agent_security,
  file_gitpod_v1_count,
  file_gitpod_v1_environment,
  file_gitpod_v1_event,
  file_gitpod_v1_gateway,
  file_gitpod_v1_group,
  file_gitpod_v1_identity,
  file_gitpod_v1_login_provider,
  file_gitpod_v1_model,
  file_gitpod_v1_organization,
  file_gitpod_v1_pagination,
  file_gitpod_v1_runner,
  file_gitpod_v1_runner_configuration,
  file_gitpod_v1_service_account,
  file_gitpod_v1_user,
];
