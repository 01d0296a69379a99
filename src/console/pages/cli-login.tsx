// Confirms that a command line is signed in as this person.

import type { Me } from '../../api/contract.ts';
import { accountApi } from '../account-api.ts';
import { ConfirmSignIn } from '../parts/confirm-sign-in.tsx';
import { visibleText } from '../visible.ts';

export default function CliLoginPage({ secret, me }: { readonly secret: string; readonly me: Me }) {
  return (
    <ConfirmSignIn
      queryKey={['cli-login', secret]}
      look={(signal) => accountApi.cliLogin(secret, signal)}
      confirm={(code) => accountApi.confirmCliLogin(secret, code)}
      refuse={() => accountApi.refuseCliLogin(secret)}
      what="command line"
      facts={({ machine }) => [
        ['Signs in as', <strong>{visibleText(me.display_name)}</strong>],
        ['Says it runs on', visibleText(machine === '' ? 'a machine without a name' : machine)],
      ]}
      warning="Confirm only if you ran “sallyport login” just now and it shows this very code. It can then do all that you can do."
    />
  );
}
