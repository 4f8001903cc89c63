// Config and policy together on real servers: what the gateway would send, and what it would get.
import { CreateBot, CreateFleet, DeleteFleet, ProposeManifest, RetireBot, RollBackManifest } from '@molthub/contracts';
import { newId } from '@molthub/identity';
import { policyService } from '@molthub/policy-service';
